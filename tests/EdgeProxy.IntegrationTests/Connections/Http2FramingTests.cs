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
