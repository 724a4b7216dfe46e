using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>The answer of the last attempt on routes with `Retry`: half of a short one is no answer.</summary>
public sealed class LastAnswerTests
{
    private const string Token = "a-token-of-the-admins";
    private const string Head = "HTTP/1.1 200 OK\r\nX-Own: 1\r\nContent-Length: 8\r\n\r\n";
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";
    private const string Twice = "\"Retry\": { \"Attempts\": 2 }";

    [Theory]
    [InlineData(Head + "half", false)]
    [InlineData(Head + "half", true)]
    [InlineData(Head, false)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + Head + "half", true)]
    public async Task One_that_breaks_off_is_a_502_and_counts_once(string sent, bool resets)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync(sent);
            if (resets)
            {
                connection.Reset();
            }
        });
        foreach (var isHttp2 in new[] { false, true })
        {
            await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Twice), token: Token);
            using var readings = new Readings(edge);
            using var client = new Http2Client(edge);
            var before = upstream.Heads.Count;

            using var answer = await AskAsync(edge, isHttp2 ? client : null);

            Assert.Equal((HttpStatusCode.BadGateway, "upstream_response_truncated"), (answer.StatusCode, await CodeAsync(answer)));
            Assert.False(answer.Headers.Contains("X-Own"));
            Assert.Equal(["incomplete", "incomplete"], Outcomes(answer));
            Assert.Equal(2, upstream.Heads.Count - before);
            Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=incomplete}"]);
            Assert.Equal(
                ["edgeproxy_retries_skipped_total{cluster=up,reason=limit}"], readings.Counted("edgeproxy_retries_skipped_total"));
            Assert.Equal(1, readings["edgeproxy_retries_skipped_total{cluster=up,reason=limit}"]);
            Assert.Equal(1, readings["edgeproxy_errors_total{code=upstream_response_truncated,route=all}"]);
        }
    }

    [Fact]
    public async Task One_over_HTTP_2_that_breaks_off_is_a_502_and_the_connection_lives()
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                context.Response.ContentLength = 8;
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
                if (context.Request.Path == "/whole")
                {
                    await context.Response.WriteAsync("more");
                    return;
                }

                context.Abort();
            },
            HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Twice, Http2));

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal((HttpStatusCode.BadGateway, "upstream_response_truncated"), (answer.StatusCode, await CodeAsync(answer)));
        Assert.Equal("halfmore", await edge.Client.GetStringAsync("/whole", Wait.Deadline));
    }

    [Fact]
    public async Task Trailers_of_one_over_HTTP_2_are_passed_on()
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                context.Response.ContentLength = 4;
                await context.Response.WriteAsync("held");
                context.Response.AppendTrailer("X-End", "yes");
            },
            HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Twice, Http2));
        using var client = new Http2Client(edge);

        using var answer = await client.SendAsync(HttpMethod.Get, "/");
        Assert.Equal("held", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(["yes"], answer.TrailingHeaders.GetValues("X-End"));
    }

    [Fact]
    public async Task One_that_stalls_beyond_PerTry_and_then_breaks_off_counts_once()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync(Head + "half");
            await Task.Delay(TimeSpan.FromMilliseconds(900), TimeProvider.System);
            connection.Reset();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, Twice + ", \"Timeouts\": { \"PerTry\": \"300ms\" }, \"Timeout\": \"10s\"",
            "\"CircuitBreaker\": { \"ConsecutiveFailures\": 3 }"));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => answer.Content.ReadAsStringAsync(Wait.Deadline));
        await Wait.UntilAsync(
            () => readings["edgeproxy_errors_total{code=upstream_response_truncated,route=all}"] == 1, "it is counted");
        Assert.Equal(["edgeproxy_retries_skipped_total{cluster=up,reason=limit}"], readings.Counted("edgeproxy_retries_skipped_total"));
        using var third = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
        Assert.Equal((HttpStatusCode.OK, 3), (third.StatusCode, upstream.Heads.Count)); // the third failure opens it: no fourth attempt
    }

    [Fact]
    public async Task The_breaker_hears_of_each_once()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync(Head + "half");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, Twice,
            "\"RetryBudget\": { \"ReservePerSecond\": 1000 }, \"CircuitBreaker\": { \"ConsecutiveFailures\": 5 }"), ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);
        for (var i = 0; i < 5; i++)
        {
            using var answer = await clients.GetAsync("/", Wait.Deadline);
            Assert.Equal(i < 3 ? "upstream_response_truncated" : "circuit_open", await CodeAsync(answer));
        }

        Assert.Equal(5, upstream.Heads.Count); // two, two, and the one that opens it
    }

    [Fact]
    public async Task A_client_that_leaves_while_one_is_held_gives_its_place_back_and_says_nothing_about_the_destination()
    {
        var held = new TaskCompletionSource();
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                await connection.SendAsync(Head + (head.Contains("/whole", StringComparison.Ordinal) ? "halfmore" : "half"));
                if (!head.Contains("/whole", StringComparison.Ordinal))
                {
                    held.TrySetResult();
                    await connection.DrainAsync(); // until the edge has hung up
                    return;
                }
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, Twice + ", \"Timeouts\": { \"PerTry\": \"1m\" }",
            "\"Concurrency\": { \"Max\": 1 }, "
            + "\"CircuitBreaker\": { \"ConsecutiveFailures\": 1, \"OpenFor\": \"1h\", \"OpenForMax\": \"1h\" }"));
        using var leaving = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/");
        var asking = edge.Client.SendAsync(request, leaving.Token);
        await held.Task.WaitAsync(Wait.Deadline);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);

        await Wait.UntilAsync(
            async () => (await edge.Client.GetAsync("/whole", Wait.Deadline)).StatusCode == HttpStatusCode.OK, "given back");
        Assert.Equal("halfmore", await edge.Client.GetStringAsync("/whole", Wait.Deadline));
    }

    /// <summary>Its rest may wait for what the client has still to send.</summary>
    [Fact]
    public async Task One_that_the_client_still_sends_for_is_not_held()
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                context.Response.ContentLength = 8;
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
                await context.Request.Body.CopyToAsync(Stream.Null);
                await context.Response.WriteAsync("more");
            },
            HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, Twice + ", \"Timeouts\": { \"PerTry\": \"1m\" }", Http2));
        using var client = new Http2Client(edge);
        var end = new TaskCompletionSource();

        using var answer = await client.SendAsync(HttpMethod.Post, "/", new HeldContent(100_000, end.Task));

        end.SetResult();
        Assert.Equal("halfmore", await answer.Content.ReadAsStringAsync(Wait.Deadline));
    }

    private static async Task<HttpResponseMessage> AskAsync(Edge edge, Http2Client? http2)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "X-Edge-Decision-Token", Token } } };
        return await (http2 is null ? edge.Client.SendAsync(request, Wait.Deadline) : http2.SendAsync(request));
    }

    private static string[] Outcomes(HttpResponseMessage answer) =>
    [
        .. JsonDocument.Parse(Assert.Single(answer.Headers.GetValues("X-Edge-Decision"))).RootElement
            .GetProperty("attempts").EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString() ?? ""),
    ];

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Wait.Deadline)).GetProperty("code").GetString();

    /// <summary>So many bytes, and an end that is waited for.</summary>
    private sealed class HeldContent(int count, Task end) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[count]);
            await stream.FlushAsync();
            await end;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
