using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>Frames of HTTP/2 that carry nothing, as many as a client can send.</summary>
public sealed class FrameFloodTests
{
    private const byte Priority = 2, Ping = 6, Continuation = 9;
    private const int EnhanceYourCalm = 11;

    [Theory]
    [InlineData(RawHttp2.Data, 1, 0)]
    [InlineData(Priority, 1, 5)]
    [InlineData(RawHttp2.WindowUpdate, 0, 4)]
    [InlineData(Ping, 0, 8)]
    [InlineData(Continuation, 1, 0)]
    [InlineData((byte)77, 0, 0)]
    public async Task A_flood_of_frames_that_carry_nothing_ends_the_connection(byte type, int streamId, int length)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        await client.SendAsync(RawHttp2.Headers, (byte)(type == Continuation ? 0 : RawHttp2.EndHeaders), 1,
            RawHttp2.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")));
        var payload = new byte[length];
        if (length > 0)
        {
            payload[^1] = 1;
        }

        var replies = 0;
        var ended = client.ReadGoAwayAsync(() => Interlocked.Increment(ref replies));
        var batch = type == Ping ? 500 : 5_000;
        var frames = Enumerable.Repeat(RawHttp2.Frame(type, 0, streamId, payload), batch).SelectMany(frame => frame).ToArray();
        for (var sent = 0; sent < 2_000_000 && !ended.IsCompleted; sent += batch)
        {
            try
            {
                await client.SendAsync(frames);
                if (type == Ping) // a client that leaves the replies unread may miss GOAWAY behind them
                {
                    await Wait.UntilAsync(() => ended.IsCompleted || Volatile.Read(ref replies) >= sent, "replies are read");
                }
            }
            catch (IOException)
            {
                break; // the edge has closed
            }
        }

        Assert.Equal(EnhanceYourCalm, await ended);
        await Wait.UntilAsync(
            () => readings["edgeproxy_errors_total{code=malformed_request,route=(none)}"] == 1, "the flood is counted once");
    }

    [Fact]
    public async Task A_connection_at_fault_with_bodies_under_way_is_no_error_of_the_edge()
    {
        const int Uploads = 30, FrameSizeError = 6;
        var (received, ended) = (0, 0);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            Interlocked.Increment(ref received);
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            finally
            {
                Interlocked.Increment(ref ended);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var log = Log.Of(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        for (var id = 1; id < Uploads * 2; id += 2)
        {
            await client.SendAsync(RawHttp2.Headers, RawHttp2.EndHeaders, id,
                RawHttp2.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")));
        }

        await Wait.UntilAsync(() => Volatile.Read(ref received) == Uploads, "each request is at the destination");

        await client.SendAsync([0xFF, 0xFF, 0xFF, RawHttp2.Data, 0, 0, 0, 0, 1]);

        Assert.Equal(FrameSizeError, await client.ReadGoAwayAsync(() => { }));
        await Wait.UntilAsync(() => Volatile.Read(ref ended) == Uploads, "each upstream request has ended");
        await Assert.ThrowsAnyAsync<IOException>(() => client.ReadGoAwayAsync(() => { })); // closed behind the last request
        Assert.Empty(log.Entries(LogLevel.Error));
    }

    [Fact]
    public async Task A_long_download_in_small_pieces_lives()
    {
        const int Pieces = 20_000;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            for (var i = 0; i < Pieces; i++)
            {
                await context.Response.Body.WriteAsync("0123456789"u8.ToArray());
                await context.Response.Body.FlushAsync();
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        await client.GetAsync(1);

        var received = 0;
        while (received < Pieces * 10)
        {
            var (type, _, streamId, payload) = await client.ReadAsync();
            Assert.NotEqual(RawHttp2.GoAway, type);
            if (type == RawHttp2.Data && payload.Length > 0)
            {
                received += payload.Length;
                byte[] size = [0, 0, (byte)(payload.Length >> 8), (byte)payload.Length];
                await client.SendAsync(
                    [.. RawHttp2.Frame(RawHttp2.WindowUpdate, 0, 0, size), .. RawHttp2.Frame(RawHttp2.WindowUpdate, 0, streamId, size)]);
            }
        }
    }
}
