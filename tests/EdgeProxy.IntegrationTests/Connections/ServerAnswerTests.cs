using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>What the server answers before any pipeline runs has the one error format, on HTTP/1.1 byte for byte.</summary>
public sealed class ServerAnswerTests
{
    public static TheoryData<string, int, string> Broken() => new()
    {
        { "rubbish\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\nHost: a\n\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, "malformed_request" },
        { "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request" },
        { "GET / HTTP/1.1\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_host" },
        { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid_host" },
        { "GET http://x/ HTTP/1.1\r\nHost: y\r\n\r\n", 400, "invalid_host" },
        { "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_path" },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "ambiguous_framing" },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400, "ambiguous_framing" },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400, "ambiguous_framing" },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400, "ambiguous_framing" },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nhello", 400, "ambiguous_framing" },
        { "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505, "http_version_not_supported" },
        { $"GET /{new string('a', 40_000)} HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long" },
        { $"GET / HTTP/1.1\r\nHost: a\r\nX: {new string('a', 200_000)}\r\n\r\n", 431, "header_too_large" },
        { $"GET / HTTP/1.1\r\nHost: a\r\n{string.Concat(Enumerable.Repeat("X: y\r\n", 500))}\r\n", 431, "too_many_headers" },
    };

    [Theory, MemberData(nameof(Broken))]
    public async Task A_request_that_the_server_refuses_gets_our_answer(string request, int status, string code)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var answer = await RawClient.ExchangeAsync(edge.Uri, request);

        Expect(answer, status, code);
        Assert.Equal(0, upstream.Hits);
    }

    [Fact]
    public async Task A_broken_request_behind_good_ones_gets_our_answer_after_theirs()
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        var answer = await RawClient.ExchangeAsync(edge.Uri, good + good + "rubbish\r\n\r\n");

        Assert.Equal(2, answer.Text.Split("HTTP/1.1 200").Length - 1);
        var last = new RawAnswer(answer.Text[answer.Text.LastIndexOf("HTTP/1.1 ", StringComparison.Ordinal)..], answer.WasReset);
        Expect(last, 400, "malformed_request");
    }

    [Fact]
    public async Task A_broken_request_that_comes_byte_by_byte_gets_the_same_answer()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.TrickleAsync("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");

        Expect(await client.ReadToEndAsync(), 400, "invalid_host");
    }

    [Fact]
    public async Task A_head_that_never_ends_is_a_408()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nX");

        Expect(await client.ReadToEndAsync(), 408, "request_timeout");
    }

    [Fact]
    public async Task A_HEAD_request_without_a_host_gets_the_head_alone()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));

        var answer = await RawClient.ExchangeAsync(edge.Uri, "HEAD / HTTP/1.1\r\n\r\n");

        Assert.Equal(400, answer.Status);
        Assert.Contains("details=\"invalid_host\"", answer.Head, StringComparison.Ordinal);
        Assert.Empty(answer.Body);
    }

    [Fact]
    public async Task A_broken_request_that_prefers_a_page_gets_one()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));

        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nAccept: text/html\r\n\r\n");

        Assert.Equal(400, answer.Status);
        Assert.Contains("<h1>Host is missing or invalid</h1>", answer.Body, StringComparison.Ordinal);
    }

    private static void Expect(RawAnswer answer, int status, string code)
    {
        Assert.Equal(status, answer.Status);
        Assert.Equal(code, answer.Code);
        Assert.Equal(status, answer.Problem.GetProperty("status").GetInt32());
        Assert.Contains("Content-Type: application/problem+json\r\n", answer.Head, StringComparison.Ordinal);
        Assert.Contains("Cache-Control: no-store\r\n", answer.Head, StringComparison.Ordinal);
        var status9209 = $"Proxy-Status: edgeproxy; error=http_request_error; details=\"{code}\"\r\n";
        Assert.Contains(status9209, answer.Head, StringComparison.Ordinal);
        Assert.Contains("Connection: close\r\n", answer.Head, StringComparison.OrdinalIgnoreCase);
        var requestId = answer.Problem.GetProperty("requestId").GetString();
        Assert.Contains($"X-Request-Id: {requestId}\r\n", answer.Head, StringComparison.Ordinal);
        Assert.DoesNotContain("Server:", answer.Head, StringComparison.Ordinal);
        Assert.Equal(2, answer.Text.Split("X-Request-Id: ").Length);
    }
}
