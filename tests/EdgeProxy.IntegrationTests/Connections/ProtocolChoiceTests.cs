using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Connections;

/// <summary>One cleartext port, two protocols.</summary>
public sealed class ProtocolChoiceTests
{
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private const string EmptySettings = "\0\0\0\u0004\0\0\0\0\0";

    [Fact]
    public async Task A_preface_that_comes_byte_by_byte_begins_HTTP_2()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.TrickleAsync(Preface + EmptySettings);

        // The server's first frame is its SETTINGS: type 4 behind three bytes of length.
        Assert.Equal(4, (await client.ReadExactlyAsync(9))[3]);
    }

    [Fact]
    public async Task A_request_that_begins_like_the_preface_is_HTTP_1()
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.TrickleAsync("P");
        await client.TrickleAsync("UT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.Equal(200, (await client.ReadToEndAsync()).Status);
    }

    /// <summary>`https` asks for a service that is not on this connection (RFC 9110, 7.4).</summary>
    [Theory]
    [InlineData("\u0087", "misdirected")] // https, from HPACK's static table
    [InlineData("\u0006\u0003wss", "malformed_request")]
    [InlineData("\u0006\u0003ftp", "malformed_request")]
    public async Task Another_scheme_than_the_connection_has_is_refused_on_HTTP_2(string scheme, string code)
    {
        await using var upstream = await Upstream.StartAsync("fine");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        // HEADERS, END_STREAM and END_HEADERS, stream 1: GET, the scheme, /, :authority a.
        var block = $"\u0082{scheme}\u0084\u0041\u0001a";
        await client.SendAsync(Preface + EmptySettings + $"\0\0{(char)block.Length}\u0001\u0005\0\0\0\u0001{block}");

        await client.ReadUntilAsync(code);
        Assert.Equal(0, upstream.Hits);
    }

    [Theory]
    [InlineData("https", "https")]
    [InlineData("HTTPS", "https")]
    [InlineData("http", "http")]
    public async Task A_trusted_proxy_that_has_ended_TLS_says_so_in_the_scheme(string scheme, string told)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await client.SendAsync(RawHttp2.Headers, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Block(
            (":method", "GET"), (":scheme", scheme), (":path", "/"), (":authority", "a")));
        await client.ReadEndAsync(1);

        Assert.Contains($"X-Forwarded-Proto: {told}", Assert.Single(upstream.Heads), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trusted_proxy_s_absolute_target_names_the_scheme_on_HTTP_1()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");

        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET https://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Equal(204, answer.Status);
        Assert.Contains("X-Forwarded-Proto: https", Assert.Single(upstream.Heads), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scheme_is_the_same_in_either_case()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        var request = "GET HTTP://a/x HTTP/1.1\r\nHost: a\r\n";
        var answer = await RawClient.ExchangeAsync(edge.Uri, $"{request}\r\n{request}Connection: close\r\n\r\n");

        Assert.Equal(2, answer.Text.Split("HTTP/1.1 204").Length - 1);
        Assert.All(upstream.Heads, head => Assert.StartsWith("GET /x HTTP/1.1", head, StringComparison.Ordinal));
    }

    /// <summary>What looks like the beginning of a request is a part of a body.</summary>
    [Fact]
    public async Task A_body_that_looks_like_a_target_arrives_as_it_is()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
            await context.Response.WriteAsync(await new StreamReader(context.Request.Body).ReadToEndAsync()));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 12\r\nConnection: close\r\n\r\n");
        await client.ReadUntilAsync("100 Continue\r\n\r\n");
        await client.SendAsync("GET HTTP://a");

        Assert.EndsWith("GET HTTP://a", (await client.ReadToEndAsync()).Body.TrimEnd('\r', '\n', '0'), StringComparison.Ordinal);
    }
}
