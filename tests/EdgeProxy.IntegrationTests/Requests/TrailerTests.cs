using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>What stands behind a request's body, and bodies that are none: the client is there and is told.</summary>
public sealed class TrailerTests
{
    private const string Many = "X: y\r\n";

    public static TheoryData<string, string, int, string> Bad() => new()
    {
        { "", "0\r\nX: a\0b\r\n\r\n", 400, "malformed_request" },
        { "\"Retry\": { \"Attempts\": 2 }", "0\r\nX: a\0b\r\n\r\n", 400, "malformed_request" },
        { "\"Retry\": { \"Attempts\": 2 }", "FFFFFFFFFFFFFFFF3\r\nabc\r\n0\r\n\r\n", 400, "malformed_request" },
        { "", "zz\r\n", 400, "malformed_request" },
        { "", "0\r\nX: a\u0001b\r\n\r\n", 400, "malformed_request" },
        { "", "0\r\nX(Y): b\r\n\r\n", 400, "malformed_request" },
        { "", "0\r\nContent-Length: 5\r\n\r\n", 400, "malformed_request" },
        { "", "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "malformed_request" },
        { "", $"0\r\nX: {new string('a', 40_000)}\r\n\r\n", 431, "header_too_large" },
        { "", $"0\r\nX: {new string('a', 400_000)}\r\n\r\n", 431, "header_too_large" },
        { "", $"0\r\n{string.Concat(Enumerable.Repeat(Many, 200))}\r\n", 431, "header_too_large" },
    };

    [Theory, MemberData(nameof(Bad))]
    public async Task A_bad_end_of_a_body_is_answered_and_counted_once(string route, string body, int status, string code)
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route));
        using var readings = new Readings(edge);

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + body);

        Assert.Equal(status, answer.Status);
        Assert.Equal(code, answer.Code);
        Assert.Equal(2, answer.Text.Split("HTTP/1.1 ").Length);
        Assert.Equal(1, readings[$"edgeproxy_errors_total{{code={code},route=all}}"]);
        Assert.Equal(0, readings[$"edgeproxy_errors_total{{code={code},route=(none)}}"]);
    }

    [Theory]
    [InlineData("transfer-encoding", "chunked", false)]
    [InlineData("content-length", "5", false)]
    [InlineData("x", "a\rb", false)]
    [InlineData("x", "a\nb", false)]
    [InlineData("x", "a\u0001b", false)]
    [InlineData("x", "a\u0001b", true)]
    [InlineData("x(y)", "a", false)]
    public async Task A_bad_trailer_is_refused_on_HTTP_2(string name, string value, bool isGrpc)
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndHeaders, 1, RawHttp2.Block(
            (":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"),
            ("content-type", isGrpc ? "application/grpc" : "text/plain")));
        await client.SendAsync(RawHttp2.Data, 0, 1, [1]);
        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Block((name, value)));
        await client.ReadEndAsync(1);

        Assert.Equal(1, readings["edgeproxy_errors_total{code=malformed_request,route=all}"]);
    }

    [Fact]
    public async Task Good_trailers_are_no_fault()
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(edge.Uri,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");

        Assert.Equal(200, answer.Status);
    }
}
