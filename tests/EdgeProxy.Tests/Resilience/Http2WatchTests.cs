using System.Buffers.Binary;
using System.Text;
using EdgeProxy.Resilience;
using EdgeProxy.Tests.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What is made of the frames of one HTTP/2 connection to a destination.</summary>
public sealed class Http2WatchTests
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(5);

    private readonly ManualTime _time = new();
    private readonly PingPace _pace = new(Delay, Delay);
    private readonly Http2Watch _watch;

    public Http2WatchTests() => _watch = new Http2Watch(_pace, unansweredMax: 2, _time);

    [Theory, InlineData(false), InlineData(true)]
    public void A_stream_that_is_silent_for_an_hour_is_pinged_within_the_policy_of_gRPC_servers(bool hasHead)
    {
        var server = new PingPolicy();
        Open(1);
        if (hasHead)
        {
            Receive(Http2Frame.Headers, Http2Frame.EndHeaders, 1);
        }

        var pings = RunFor(TimeSpan.FromHours(1), server);

        Assert.InRange(pings.Count, 10, 16);
        Assert.InRange(server.Strikes, 0, 2);
        Assert.InRange(pings[0] - (hasHead ? PingPace.Seldom : Delay), TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void An_idle_connection_is_not_pinged() => Assert.Empty(RunFor(TimeSpan.FromHours(1), new PingPolicy()));

    [Fact]
    public void A_connection_that_a_ping_brings_nothing_back_on_is_given_up()
    {
        Open(1);
        var began = _time.Micros;
        while (_watch.Next() is var (step, again) && step != Http2Step.GiveUp)
        {
            Pass(again ?? Delay);
        }

        Assert.InRange(_time.Micros - began, 10_000_000, 13_000_000);
    }

    [Fact]
    public void A_destination_that_is_pinged_too_often_is_pinged_half_as_often_and_others_are_not()
    {
        var paces = new PingPaces(Delay, Delay);
        var watch = new Http2Watch(paces.Of(new Uri("http://a:1/x")), 2, _time);
        Receive(watch, Http2Frame.GoAway, 0, 0, [.. Int(0), .. Int(11), .. "too_many_pings"u8]);

        Assert.True(watch.IsCalmed);
        Assert.Equal(Delay * 2, paces.Of(new Uri("http://a:1/y")).Delay);
        Assert.Equal(Delay, paces.Of(new Uri("http://b:1/")).Delay);
    }

    [Fact]
    public void A_connection_that_answers_nobody_is_retired_after_two_requests_in_a_row()
    {
        GiveUp(1);
        Assert.False(_watch.HasForReader);
        Receive(Http2Frame.WindowUpdate, 0, 0); // alive after all
        GiveUp(3);
        Assert.False(_watch.HasForReader);
        GiveUp(5);

        Assert.Equal(["7/0"], Told());
    }

    [Fact]
    public void A_connection_on_which_many_requests_are_given_up_is_retired_before_its_server_ends_it()
    {
        for (var id = 1; id < 2 * Http2Watch.ResetsMax; id += 2)
        {
            Assert.False(_watch.HasForReader);
            Open(id);
            Receive(Http2Frame.WindowUpdate, 0, 0);
            _watch.Sent(new Http2Frame(4, Http2Frame.RstStream, 0, id));
        }

        Assert.Equal(["7/0"], Told());
    }

    [Fact]
    public void Requests_that_a_client_gives_up_now_and_then_do_not_add_up()
    {
        var requests = new GivenUpRequests(_time);
        for (var number = 0; number < 10 * GivenUpRequests.Burst; number++)
        {
            Assert.InRange(requests.Add(), 1, GivenUpRequests.Burst);
            Pass(TimeSpan.FromSeconds(1) / GivenUpRequests.PerSecond);
        }

        for (var number = 0; number <= GivenUpRequests.Burst; number++)
        {
            requests.Add();
        }

        Assert.True(requests.Add() > GivenUpRequests.Burst);
    }

    [Fact]
    public void A_stream_that_was_left_out_by_GOAWAY_is_told_so_whenever_it_was_begun()
    {
        Open(1);
        Open(3);
        var goAway = Receive(Http2Frame.GoAway, 0, 0, [.. Int(1), .. Int(0)]);
        Open(5); // the client had not read it yet

        Assert.Equal(int.MaxValue, BinaryPrimitives.ReadInt32BigEndian(goAway)); // or the client would send it again by itself
        Assert.Equal([$"3/3/{Http2Codes.GoneAway}", $"3/5/{Http2Codes.GoneAway}"], Told());
    }

    [Theory]
    [InlineData(false, Http2Codes.RefusedStream, Http2Codes.Refused)]
    [InlineData(true, Http2Codes.RefusedStream, Http2Codes.Internal)]
    [InlineData(false, Http2Codes.Refused, Http2Codes.Internal)]
    [InlineData(false, Http2Codes.GoneAway, Http2Codes.Internal)]
    [InlineData(false, Http2Codes.Stale, Http2Codes.Internal)]
    [InlineData(false, 8, 8)]
    public void A_stream_was_not_processed_when_it_was_refused_before_its_response(bool hasHead, int sent, int told)
    {
        Open(1);
        if (hasHead)
        {
            Receive(Http2Frame.Headers, Http2Frame.EndHeaders, 1);
        }

        Assert.Equal(told, BinaryPrimitives.ReadInt32BigEndian(Receive(Http2Frame.RstStream, 0, 1, Int(sent))));
    }

    /// <summary>However the bytes are cut, and however little the reader takes at once.</summary>
    [Theory, InlineData(1, 1), InlineData(2, 7), InlineData(5, 3), InlineData(9, 100), InlineData(13, 2), InlineData(100, 16)]
    [InlineData(4096, 4096)]
    public async Task Frames_come_out_as_they_went_in_but_for_what_is_changed(int piece, int room)
    {
        byte[] before =
        [
            .. Frame(Http2Frame.Settings, 0, 0, [0, 3, 0, 0, 0, 9]),
            .. Frame(Http2Frame.Headers, Http2Frame.EndHeaders, 1, [0x88]),
        ];
        byte[] after = [.. Frame(Http2Frame.Data, 0, 1, new byte[300]), .. Frame(Http2Frame.Data, Http2Frame.EndStream, 1, [1, 2, 3])];
        var text = Encoding.ASCII.GetBytes("any text that is long enough");
        byte[] sent =
        [
            .. before,
            .. Frame(Http2Frame.Ping, Http2Frame.Ack, 0, Long(Http2Watch.OwnPing)),
            .. Frame(Http2Frame.Ping, Http2Frame.Ack, 0, Long(-5)),
            .. Frame(Http2Frame.RstStream, 0, 3, Int(Http2Codes.RefusedStream)),
            .. Frame(Http2Frame.GoAway, 0, 0, [.. Int(1), .. Int(0), .. text]),
            .. after,
        ];
        byte[] expected =
        [
            .. before,
            .. Frame(Http2Frame.AltSvc, 0, 0, Long(Http2Watch.OwnPing)),
            .. Frame(Http2Frame.Ping, Http2Frame.Ack, 0, Long(-5)),
            .. Frame(Http2Frame.RstStream, 0, 3, Int(Http2Codes.Refused)),
            .. Frame(Http2Frame.GoAway, 0, 0, [.. Int(int.MaxValue), .. Int(0), .. text]),
            .. Frame(Http2Frame.RstStream, 0, 5, Int(Http2Codes.GoneAway)),
            .. after,
        ];
        Open(1);
        Open(3);
        Open(5);
        await using var stream = new UpstreamHttp2Stream(new Pieces(sent, piece), _watch, TimeProvider.System);

        var read = new List<byte>();
        var buffer = new byte[room];
        while (true)
        {
            Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty)); // as the platform's client does before each
            if (await stream.ReadAsync(buffer) is not (var count and > 0))
            {
                break;
            }

            read.AddRange(buffer.AsSpan(0, count));
        }

        Assert.Equal(expected.Length, read.Count);
        Assert.Equal(Sorted(expected), Sorted(read));
    }

    /// <summary>What the edge puts in may stand between any two frames.</summary>
    private static List<string> Sorted(IEnumerable<byte> bytes)
    {
        var frames = new List<string>();
        for (var rest = bytes.ToArray(); rest.Length > 0;)
        {
            var end = Http2Frame.HeadLength + Http2Frame.Read(rest).Length;
            frames.Add(Convert.ToHexString(rest[..end]));
            rest = rest[end..];
        }

        frames.Sort(StringComparer.Ordinal);
        return frames;
    }

    private List<TimeSpan> RunFor(TimeSpan length, PingPolicy server)
    {
        var (began, pings) = (_time.Micros, new List<TimeSpan>());
        while (_time.Micros - began < length.Ticks / 10)
        {
            var (step, again) = _watch.Next();
            Assert.NotEqual(Http2Step.GiveUp, step);
            if (step == Http2Step.Ping)
            {
                pings.Add(TimeSpan.FromMicroseconds(_time.Micros - began));
                server.Ping(TimeSpan.FromMicroseconds(_time.Micros));
                Receive(Http2Frame.Ping, Http2Frame.Ack, 0, Long(Http2Watch.OwnPing));
            }

            Pass(again is { } soon && soon < TimeSpan.FromSeconds(1) ? soon : TimeSpan.FromSeconds(1));
        }

        return pings;
    }

    private void Pass(TimeSpan time) => _time.Micros += time.Ticks / 10;

    private void Open(int id) => _watch.Sent(new Http2Frame(1, Http2Frame.Headers, Http2Frame.EndHeaders | Http2Frame.EndStream, id));

    private void GiveUp(int id)
    {
        Open(id);
        Pass(TimeSpan.FromSeconds(1));
        _watch.Sent(new Http2Frame(4, Http2Frame.RstStream, 0, id));
    }

    private byte[] Receive(byte type, byte flags, int id, params byte[] payload) => Receive(_watch, type, flags, id, payload);

    /// <returns>The payload as the client reads it.</returns>
    private static byte[] Receive(Http2Watch watch, byte type, byte flags, int id, byte[] payload)
    {
        var frame = Frame(type, flags, id, payload);
        watch.Received(Http2Frame.Read(frame), frame);
        return frame[Http2Frame.HeadLength..];
    }

    /// <summary>Frames that the client is told, as TYPE/STREAM and for RST_STREAM the code.</summary>
    private List<string> Told()
    {
        var buffer = new byte[4096];
        var (count, told) = (_watch.TakeForReader(buffer), new List<string>());
        for (var at = 0; at < count;)
        {
            var frame = Http2Frame.Read(buffer.AsSpan(at));
            var code = frame.Type == Http2Frame.RstStream ? $"/{BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(at + 9))}" : "";
            told.Add($"{frame.Type}/{frame.StreamId}{code}");
            at += Http2Frame.HeadLength + frame.Length;
        }

        return told;
    }

    private static byte[] Frame(byte type, byte flags, int id, byte[] payload) =>
        [.. Int(payload.Length << 8)[..3], type, flags, .. Int(id), .. payload];

    private static byte[] Int(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Long(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>gRPC's: a ping in five minutes while nothing is sent, else a strike; a third one ends the connection.</summary>
    private sealed class PingPolicy
    {
        private TimeSpan _last = TimeSpan.MinValue;

        public int Strikes { get; private set; }

        public void Ping(TimeSpan now)
        {
            Strikes += _last != TimeSpan.MinValue && now - _last < TimeSpan.FromMinutes(5) ? 1 : 0;
            _last = now;
        }
    }

    /// <summary>Gives no more than so many bytes at once.</summary>
    private sealed class Pieces(byte[] bytes, int most) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(most, buffer.Length)], cancellationToken);
    }
}
