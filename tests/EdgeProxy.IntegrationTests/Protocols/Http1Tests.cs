using System.Globalization;
using System.Security.Cryptography;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>HTTP/1.1 as clients really speak it, byte by byte.</summary>
public sealed class Http1Tests
{
    [Fact]
    public async Task Pipelined_requests_are_answered_in_order_on_one_connection()
    {
        await using var upstream = await Upstream.StartAsync(context => PlainAsync(context, "[" + context.Request.Path + "]"));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("GET /1 HTTP/1.1\r\nHost: t\r\n\r\nPOST /2 HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
            + "GET /3 HTTP/1.1\r\nHost: t\r\n\r\n");
        foreach (var path in new[] { "[/1]", "[/2]", "[/3]" })
        {
            Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
            Assert.Equal(path, await client.ReadUntilAsync("]"));
        }
    }

    [Fact]
    public async Task An_upload_reaches_the_upstream_as_it_comes_and_its_chunked_answer_comes_back_whole()
    {
        const int Piece = 0x8000; // the upstream connection keeps up to 4 KiB back until more comes
        var first = new TaskCompletionSource<int>();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            first.SetResult(await context.Request.Body.ReadAtLeastAsync(new byte[Piece], Piece / 2));
            var rest = await new StreamReader(context.Request.Body).ReadToEndAsync();
            await context.Response.WriteAsync("then " + rest[^6..]);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n");
        await client.SendAsync(new string('x', Piece) + "\r\n");
        Assert.InRange(await first.Task.WaitAsync(Wait.Patience), Piece / 2, Piece); // the request is still open
        await client.SendAsync("6\r\nsecond\r\n0\r\nX-Trailer: ignored\r\n\r\n");
        Assert.Contains("Transfer-Encoding: chunked", await client.ReadHeadAsync());
        Assert.Equal("b\r\nthen second\r\n0\r\n\r\n", await client.ReadUntilAsync("\r\n0\r\n\r\n"));
    }

    [Theory]
    [InlineData("HEAD", 200, "Content-Length: 5")]
    [InlineData("GET", 304, "ETag: \"x\"")]
    [InlineData("GET", 204, "")]
    public async Task An_answer_without_a_body_has_none_and_the_connection_goes_on(string method, int status, string field)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.ETag = status == 304 ? "\"x\"" : default;
            context.Response.ContentLength = status == 200 ? 5 : null;
            return status == 200 && !HttpMethods.IsHead(context.Request.Method)
                ? context.Response.WriteAsync("hello")
                : Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync($"{method} / HTTP/1.1\r\nHost: t\r\n\r\n");
            var head = await client.ReadHeadAsync();
            Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
            Assert.Contains(field, head);
            Assert.DoesNotContain("Transfer-Encoding", head);
        }
    }

    [Fact]
    public async Task A_client_that_expects_100_is_told_to_continue()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
            await PlainAsync(context, "got " + await new StreamReader(context.Request.Body).ReadToEndAsync()));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await client.ReadHeadAsync());
        await client.SendAsync("body");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadUntilAsync("got body");
    }

    [Fact]
    public async Task An_HTTP_1_0_client_gets_an_answer_without_chunks_that_ends_with_the_connection()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("GET / HTTP/1.0\r\nHost: t\r\n\r\n");
        Assert.DoesNotContain("Transfer-Encoding", await client.ReadHeadAsync());
        Assert.Equal(new RawAnswer("hello", WasReset: false), await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_large_upload_and_a_large_download_arrive_unchanged()
    {
        var bytes = RandomNumberGenerator.GetBytes(24 << 20);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body.ToArray());
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        using var content = new ByteArrayContent(bytes);
        using var answer = await edge.Client.PostAsync("/", content);
        var back = await answer.Content.ReadAsByteArrayAsync();
        Assert.True(bytes.AsSpan().SequenceEqual(back));
    }

    private static Task PlainAsync(HttpContext context, string text)
    {
        context.Response.Headers.ContentLength = text.Length;
        context.Response.Headers["X-Length"] = text.Length.ToString(CultureInfo.InvariantCulture);
        return context.Response.WriteAsync(text);
    }
}
