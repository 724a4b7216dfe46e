using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>What breaks HTTP/2 is answered in its frames, reaches no upstream, and is counted.</summary>
public sealed class Http2FramingTests
{
    private const string Malformed = "edgeproxy_errors_total{code=malformed_request,route=(none)}";
    private const int ProtocolError = 1, FrameSizeError = 6, CompressionError = 9;

    [Theory]
    [InlineData("connection", "keep-alive")]
    [InlineData("keep-alive", "timeout=5")]
    [InlineData("proxy-connection", "keep-alive")]
    [InlineData("transfer-encoding", "chunked")]
    [InlineData("transfer-encoding", "")]
    [InlineData("upgrade", "websocket")]
    [InlineData("te", "gzip")]
    [InlineData("te", "trailers, gzip")]
    [InlineData("X-Upper", "case")]
    [InlineData(":path", "/again")]
    [InlineData(":unknown", "x")]
    public async Task A_field_that_HTTP_2_does_not_allow_is_a_protocol_error(string name, string value)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await client.GetAsync(1, (name, value));

        Assert.Equal(ProtocolError, (await client.ReadErrorAsync()).Code);
        await Wait.UntilAsync(() => readings[Malformed] == 1, "the breach is counted");
        Assert.Equal(0, upstream.Hits);
    }

    [Fact]
    public async Task A_stream_that_is_refused_leaves_the_connection_to_the_others()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await client.GetAsync(1, ("transfer-encoding", "chunked"), ("te", "trailers"));
        Assert.Equal((RawHttp2.ResetStream, ProtocolError), await client.ReadErrorAsync());
        await client.GetAsync(3, ("te", "trailers"));
        var (type, _, streamId, _) = await client.ReadAsync();

        Assert.Equal((RawHttp2.Headers, 3), (type, streamId));
        Assert.Equal(1, upstream.Hits);
        Assert.Equal(1, readings[Malformed]);
        await Wait.UntilAsync(
            () => readings["edgeproxy_requests_total{route=(none),method=GET,code=400,made_by=edge}"] == 1, "the request is counted");
    }

    /// <summary>In each way that a name can be written, as often as there are streams.</summary>
    [Fact]
    public async Task Two_lengths_end_their_stream_alone()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        byte[] coded = [0x21, 0xEA, 0x49, 0x6A, 0x4A, 0xD4, 0x16, 0xA9, 0x93, 0x3F];
        byte[][] lengths =
        [
            [0, 14, .. "content-length"u8, 1, (byte)'5'], [0, 0x8A, .. coded, 1, (byte)'5'],
            [0x40, 14, .. "content-length"u8, 1, (byte)'5'],
            [0x5C, 1, (byte)'5'], [0x0F, 0x0D, 1, (byte)'5'], [0x1F, 0x0D, 1, (byte)'5'],
        ];
        var stream = 1;
        foreach (var first in lengths)
        {
            foreach (var second in lengths)
            {
                var block = RawHttp2.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("x", "y"));
                await client.SendAsync(RawHttp2.Headers, RawHttp2.EndHeaders, stream, [.. block, .. first, .. second, 0, 1, (byte)'z', 0]);
                Assert.Equal((RawHttp2.ResetStream, ProtocolError), await client.ReadErrorAsync());
                stream += 2;
            }
        }

        var good = RawHttp2.Block((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("content-length", "0"));
        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, stream, good);
        await client.ReadEndAsync(stream);
        Assert.Equal(1, upstream.Hits);
        Assert.Equal(lengths.Length * lengths.Length, readings[Malformed]);
    }

    /// <summary>Frames are followed past padding, priorities and the ends of packets.</summary>
    [Fact]
    public async Task Two_lengths_are_found_in_a_padded_block_in_pieces()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        const byte Padded = 8, Priority = 32, Continuation = 9;
        var block = RawHttp2.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("content-length", "5"));
        byte[] bytes =
        [
            .. RawHttp2.Frame(RawHttp2.Headers, Padded | Priority, 1, [3, 0, 0, 0, 0, 7, .. block, 0, 14, .. "content"u8, 0, 0, 0]),
            .. RawHttp2.Frame(Continuation, RawHttp2.EndHeaders, 1, [.. "-length"u8, 1, (byte)'3']),
        ];

        foreach (var one in bytes)
        {
            await client.SendAsync([one]);
        }

        Assert.Equal((RawHttp2.ResetStream, ProtocolError), await client.ReadErrorAsync());
        await client.GetAsync(3);
        await client.ReadEndAsync(3);
        Assert.Equal(1, upstream.Hits);
    }

    [Fact]
    public async Task A_request_without_a_path_is_a_protocol_error() => await ExpectAsync(
        ProtocolError, client => client.SendAsync(
            RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Block((":method", "GET"), (":scheme", "http"))));

    [Fact]
    public async Task Data_without_a_stream_is_a_protocol_error() =>
        await ExpectAsync(ProtocolError, client => client.SendAsync(RawHttp2.Data, 0, 0, [1]));

    [Fact]
    public async Task Fields_that_no_table_has_are_a_compression_error() =>
        await ExpectAsync(CompressionError, client => client.SendAsync(
            RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, [0xFF, 0xFF, 0x00]));

    [Fact]
    public async Task Settings_of_an_odd_length_are_a_frame_size_error() =>
        await ExpectAsync(FrameSizeError, client => client.SendAsync(RawHttp2.Settings, 0, 0, [1]));

    /// <summary>The frames are watched above TLS, and found in whatever pieces they are encrypted.</summary>
    [Fact]
    public async Task Over_TLS_a_breach_is_counted_too()
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: TestCertificate.Listener(folder));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        for (var stream = 1; stream <= 5; stream += 2)
        {
            await client.SendAsync(RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, stream, RawHttp2.Block(
                (":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "localhost"), ("upgrade", "websocket")));
            Assert.Equal((RawHttp2.ResetStream, ProtocolError), await client.ReadErrorAsync());
        }

        await client.SendAsync(RawHttp2.Data, 0, 0, [1]);
        Assert.Equal((RawHttp2.GoAway, ProtocolError), await client.ReadErrorAsync());
        await Wait.UntilAsync(() => readings[Malformed] == 4, "each breach is counted once");
        Assert.Equal(0, upstream.Hits);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task ExpectAsync(int code, Func<RawHttp2, Task> breach)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await breach(client);

        Assert.Equal(code, (await client.ReadErrorAsync()).Code);
        await Wait.UntilAsync(() => readings[Malformed] == 1, "the breach is counted");
    }
}
