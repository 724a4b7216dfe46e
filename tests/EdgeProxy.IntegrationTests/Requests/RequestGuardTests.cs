using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>What the server would let through and no upstream should see.</summary>
public sealed class RequestGuardTests
{
    public static TheoryData<string, int, string> Refused() => new()
    {
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "ambiguous_framing" },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "ambiguous_framing" },
        { "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "ambiguous_framing" },
        { "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: a:99999999\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: a..\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: a..b\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: .a\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: :80\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: user@a\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET http://user@a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "invalid_host" },
        { "GET https://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\u0001b\r\nConnection: close\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\nConnection: close\r\n\r\n", 400, "malformed_request" },
        { "GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "invalid_path" },
        { "GET /#admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "invalid_path" },
        { "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 501, "method_not_supported" },
        { "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", 501, "method_not_supported" },
        { "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 501, "method_not_supported" },
        { $"GET /{new string('a', 8192)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 414, "uri_too_long" },
        { $"GET / HTTP/1.1\r\nHost: a\r\nX: {new string('a', 32_768)}\r\nConnection: close\r\n\r\n", 431, "header_too_large" },
        { $"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            + $"{string.Concat(Enumerable.Repeat("X: y\r\n", 99))}\r\n", 431, "too_many_headers" },
        { "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 30000001\r\n\r\n", 413, "body_too_large" },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task A_request_that_could_be_read_two_ways_reaches_no_upstream(string request, int status, string code)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(edge.Uri, request);

        Assert.Equal(status, answer.Status);
        Assert.Equal(code, answer.Code);
        Assert.Contains("Connection: close", answer.Head, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, upstream.Hits);
    }

    /// <summary>HTTP/2 frames any byte. What is no ASCII would leave on HTTP/1.1 as whatever the connection had sent before.</summary>
    [Theory]
    [InlineData("/\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("/?\u00ff\u00ff\u00ff\u00ff")]
    [InlineData("/ HTTP/1.0")]
    public async Task A_target_that_HTTP_1_cannot_carry_is_refused_on_HTTP_2(string target)
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        // HEADERS, END_STREAM and END_HEADERS, stream 1: GET, http, :path, :authority a.
        var block = $"\u0082\u0086\u0004{(char)target.Length}{target}\u0041\u0001a";
        await client.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");
        await client.SendAsync($"\0\0{(char)block.Length}\u0001\u0005\0\0\0\u0001{block}");

        await client.ReadUntilAsync("invalid_path");
        Assert.Equal(0, upstream.Hits);
    }

    [Fact]
    public async Task Field_values_pass_byte_for_byte_both_ways()
    {
        const string Latin1 = "caf\u00e9", Utf8 = "caf\u00c3\u00a9 \u00e2\u0082\u00ac";
        await using var upstream = RawUpstream.Answering(
            $"HTTP/1.1 200 OK\r\nX-Latin: {Latin1}\r\nX-Utf: {Utf8}\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, $"GET / HTTP/1.1\r\nHost: a\r\nX-Latin: {Latin1}\r\nX-Utf: {Utf8}\r\nConnection: close\r\n\r\n");

        var received = Assert.Single(upstream.Heads);
        Assert.Contains($"X-Latin: {Latin1}\r\n", received + "\r\n", StringComparison.Ordinal);
        Assert.Contains($"X-Utf: {Utf8}\r\n", received + "\r\n", StringComparison.Ordinal);
        Assert.Contains($"X-Latin: {Latin1}\r\n", answer.Head, StringComparison.Ordinal);
        Assert.Contains($"X-Utf: {Utf8}\r\n", answer.Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_grows_too_large_on_the_way_is_a_413()
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 10"));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n");

        Assert.Equal(413, answer.Status);
        Assert.Equal("body_too_large", answer.Code);
    }

    [Fact]
    public async Task HTTP_1_that_calls_itself_gRPC_has_a_bound_all_the_same()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), "\"Requests\": { \"BodyBytes\": 10 }");

        var answer = await RawClient.ExchangeAsync(edge.Uri,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nConnection: close\r\nContent-Length: 11\r\n\r\nhello world");

        Assert.Contains("edge-error-code: body_too_large", answer.Head, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, upstream.Hits);
    }

    [Fact]
    public async Task A_chunk_longer_than_any_number_is_a_400()
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF3\r\nabc\r\n0\r\n\r\n");

        Assert.Equal(400, answer.Status);
        Assert.Equal("malformed_request", answer.Code);
    }

    [Fact]
    public async Task A_route_may_take_more_than_the_edge()
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 1000"), "\"Requests\": { \"BodyBytes\": 10 }");

        using var answer = await edge.Client.PostAsync("/", new ByteArrayContent(new byte[1000]));
        Assert.Equal(200, (int)answer.StatusCode);

        using var refused = await edge.Client.PostAsync("/", new ByteArrayContent(new byte[1001]));
        Assert.Equal(413, (int)refused.StatusCode);
    }

    [Fact]
    public async Task A_body_that_trickles_is_a_408()
    {
        await using var upstream = await Upstream.StartAsync(async context => await context.Request.Body.CopyToAsync(Stream.Null));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(edge.Uri, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nh");

        Assert.Equal(408, answer.Status);
        Assert.Equal("request_timeout", answer.Code);
        Assert.Contains("Connection: close", answer.Head, StringComparison.OrdinalIgnoreCase);
    }
}
