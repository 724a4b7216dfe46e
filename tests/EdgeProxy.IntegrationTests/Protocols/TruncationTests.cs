using System.Net;
using System.Text;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>An answer that the upstream broke off never looks whole, and nothing is added to it.</summary>
public sealed class TruncationTests
{
    public static TheoryData<string, string> Cut() => new()
    {
        { "Content-Length: 100\r\n\r\nonly this", "only this" },
        { "Content-Length: 100000\r\n\r\n" + new string('a', 50_000) + "only this", "only this" },
        { "Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", "9\r\nonly this\r\n" },
        { "Transfer-Encoding: chunked\r\n\r\nA\r\nonly this", "9\r\nonly this\r\n" },
        { "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", "9\r\ndata: 1\n\n\r\n" },
    };

    [Theory, MemberData(nameof(Cut))]
    public async Task Over_HTTP_1_1_the_connection_is_reset(string answer, string received)
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken(answer, cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.EndsWith(received, await client.ReadUntilAsync(received), StringComparison.Ordinal);
        cut.SetResult();
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
    }

    [Fact]
    public async Task To_an_HTTP_1_0_client_the_end_is_a_reset_too()
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken("Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.0\r\nHost: t\r\n\r\n");

        await client.ReadUntilAsync("only this");
        cut.SetResult();
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
    }

    [Theory, MemberData(nameof(Cut))]
    public async Task Over_HTTP_2_the_stream_is_reset_and_the_connection_lives(string answer, string received)
    {
        var cut = new TaskCompletionSource();
        await using var upstream = Broken(answer, cut.Task);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        using var request = new HttpRequestMessage(HttpMethod.Get, edge.Uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var last = received.Split("\r\n") is [_, var chunk, _] ? chunk : received;
        var seen = "";
        while (!seen.EndsWith(last, StringComparison.Ordinal))
        {
            var buffer = new byte[4096];
            seen += Encoding.Latin1.GetString(buffer, 0, await body.ReadAsync(buffer, Wait.Deadline));
        }

        cut.SetResult();
        var failure = await Assert.ThrowsAnyAsync<IOException>(async () => await body.CopyToAsync(Stream.Null));
        var reset = failure as HttpProtocolException ?? failure.InnerException as HttpProtocolException;
        Assert.NotNull(reset);
        Assert.Equal(2, reset.ErrorCode); // INTERNAL_ERROR: the cancel would be the client's own
    }

    /// <summary>Chunks and trailers without an end are not an end that came too early.</summary>
    [Theory]
    [InlineData("1;", "upstream_protocol_error")]
    [InlineData("0\r\nX: ", "upstream_header_too_large")]
    [InlineData("no number\r\n", "upstream_protocol_error")]
    [InlineData("", "upstream_response_truncated")]
    public async Task What_ended_an_answer_is_counted_by_its_reason(string beginning, string code)
    {
        var seen = new TaskCompletionSource();
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n");
            await seen.Task;
            await connection.SendAsync(beginning + new string('x', beginning.Length > 0 ? 200_000 : 0));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\n\r\n");

        await client.ReadUntilAsync("only this\r\n");
        seen.SetResult();
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
        await Wait.UntilAsync(() => readings[$"edgeproxy_errors_total{{code={code},route=all}}"] == 1, "it is counted");
    }

    [Theory]
    [InlineData("x")] // it goes on until its time is up
    [InlineData("")] // it says no more
    public async Task A_route_s_time_that_ends_in_the_middle_of_an_answer_is_an_internal_error_of_the_stream(string more)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("only this");
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(more, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, context.RequestAborted);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"2s\""));
        using var readings = new Readings(edge);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);

        await client.GetAsync(1);
        var (type, code) = await client.ReadErrorAsync();

        Assert.Equal((RawHttp2.ResetStream, 2), (type, code)); // the cancel would be the client's own
        await Wait.UntilAsync(() => readings["edgeproxy_errors_total{code=deadline_exceeded,route=all}"] == 1, "it is counted");
        await client.GetAsync(3);
        Assert.Equal((RawHttp2.ResetStream, 2), await client.ReadErrorAsync()); // the connection lives
    }

    private static RawUpstream Broken(string answer, Task cut) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.SendAsync("HTTP/1.1 200 OK\r\n" + answer);
        await cut;
    });
}
