using System.Net;
using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;
using static EdgeProxy.IntegrationTests.Resilience.Breaking;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>One client does not make a destination look ill for others: not for breakers, not for passive checks.</summary>
public sealed class BlameTests
{
    private const string Passive = """
        "HealthCheck": { "Passive": { "Enabled": true, "Policy": "FailureRate" } },
        "Metadata": { "FailureRateHealthPolicy.RateLimit": "0.1", "FailureRateHealthPolicy.MinimalTotal": "5" }
        """;

    private static readonly byte[] Large = new byte[20_000_000];

    [Theory]
    [InlineData("")]
    [InlineData("\"Timeout\": \"1m\"")]
    public async Task A_response_that_a_destination_breaks_off_since_its_client_does_not_read_says_nothing(string route)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (head.Contains("/small", StringComparison.Ordinal))
                {
                    await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall");
                    continue;
                }

                await connection.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: {Large.Length}\r\n\r\n");
                var sending = connection.SendAsync(Large);
                await Task.WhenAny(sending, Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System)); // as long as it waits for readers
                connection.Reset();
                return;
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route, Passive));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var slow = await edge.Client.GetAsync("/large", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
            await using var body = await slow.Content.ReadAsStreamAsync(Wait.Deadline);
            await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System); // the client's own slowness
            await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, Wait.Deadline));
        }));

        await AssertIsWellAsync(edge, log, "/small");
    }

    [Fact]
    public async Task An_upgrade_that_has_carried_bytes_may_end_in_a_reset()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var head = await connection.ReadHeadAsync();
            if (head?.Contains("Upgrade", StringComparison.Ordinal) is not true)
            {
                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                return;
            }

            await connection.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
            await connection.ReadExactlyAsync(1);
            connection.Reset();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Passive));
        var log = Log.Of(edge);
        for (var i = 0; i < 6; i++)
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
            await client.SendAsync("more than is read");
            await client.ReadToEndAsync();
        }

        await AssertIsWellAsync(edge, log, "/");
    }

    [Fact]
    public async Task A_burst_of_one_client_that_is_refused_beside_others_that_are_served_opens_nothing()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/burst" ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), ManyClients.Trusted);
        var log = Log.Of(edge);
        using var others = ManyClients.InTurn(edge);
        using var greedy = ManyClients.At(edge, 99);
        for (var i = 0; i < 60; i++)
        {
            await others.GetAsync("/");
        }

        for (var i = 0; i < 10; i++)
        {
            await others.GetAsync("/");
            await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => greedy.GetAsync("/burst")));
            await others.GetAsync("/");
        }

        await AssertIsWellAsync(edge, log, "/");
    }

    [Theory]
    [InlineData("429")]
    [InlineData("grpc-status 8")]
    public async Task A_limit_of_the_upstream_s_own_says_nothing_of_it(string response)
    {
        var grpc = response.StartsWith("grpc", StringComparison.Ordinal);
        await using var upstream = await Upstream.StartAsync(
            context =>
            {
                context.Response.StatusCode = grpc || context.Request.Path == "/" ? 200 : 429;
                if (grpc && context.Request.Path != "/")
                {
                    (context.Response.ContentType, context.Response.Headers["grpc-status"]) = ("application/grpc", "8");
                }

                return Task.CompletedTask;
            }, grpc ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Passive + (grpc
            ? ", \"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"
            : "")));
        var log = Log.Of(edge);
        for (var i = 0; i < 60; i++)
        {
            await edge.Client.GetAsync("/limited");
        }

        await AssertIsWellAsync(edge, log, "/");
    }

    [Fact]
    public async Task A_client_that_goes_on_failing_keeps_no_breaker_open_while_others_ask()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/bad" ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Quick), ManyClients.Trusted);
        var log = Log.Of(edge);
        using var bad = ManyClients.At(edge, 99);
        using var others = ManyClients.InTurn(edge);
        await Wait.UntilAsync(
            async () =>
            {
                await bad.GetAsync("/bad");
                return (await StatesAsync(edge)).Item1 == "open";
            }, "one client alone opens it");

        await Wait.UntilAsync(
            async () =>
            {
                await Task.WhenAll(bad.GetAsync("/bad"), bad.GetAsync("/bad"), others.GetAsync("/"), others.GetAsync("/"));
                return (await StatesAsync(edge)).Item1 == "recovering";
            }, "the probes of others bring it back");
        Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Passive_checks_never_put_out_the_last_destination_that_works()
    {
        await using var a = await Upstream.StartAsync(Status(500));
        await using var b = await Upstream.StartAsync(Status(500));
        await using var edge = await Edge.StartAsync(Three(
            a.Address, a.Address, b.Address, Passive + ", \"CircuitBreaker\": { \"Enabled\": false }"));
        for (var i = 0; i < 90; i++)
        {
            Assert.Equal(500, (int)(await edge.Client.GetAsync("/")).StatusCode);
        }

        var destinations = (await ClusterAsync(edge)).GetProperty("destinations").EnumerateArray().ToList();
        Assert.Equal(2, destinations.Count(one => one.GetProperty("passive").GetString() == "unhealthy"));
        Assert.Single(destinations, one => one.GetProperty("available").GetBoolean());
    }

    [Fact]
    public async Task What_became_of_attempts_is_counted_for_each_destination()
    {
        await using var a = await Upstream.StartAsync(Status(500));
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync(Three(a.Address, b.Address, "http://127.0.0.1:1/", """
            "CircuitBreaker": { "Enabled": false }
            """));
        Assert.Equal(0, (await Scrape.OfAsync(edge))[Attempts("a", "timeout")]);
        for (var i = 0; i < 9; i++)
        {
            await edge.Client.GetAsync("/");
        }

        var scrape = await Scrape.OfAsync(edge);
        Assert.Equal(
            (3, 0, 3, 3),
            (scrape[Attempts("a", "server_error")], scrape[Attempts("a", "ok")],
                scrape[Attempts("b", "ok")], scrape[Attempts("c", "refused")]));
        var view = (await DestinationAsync(edge, 2)).GetProperty("attempts");
        Assert.Equal((3, 0), (view.GetProperty("refused").GetInt64(), view.GetProperty("ok").GetInt64()));

        static string Attempts(string destination, string outcome) =>
            $"edgeproxy_destination_attempts_total{{cluster=\"up\",destination=\"{destination}\",outcome=\"{outcome}\"}}";
    }

    private static async Task AssertIsWellAsync(Edge edge, Log log, string path)
    {
        using var response = await edge.Client.GetAsync(path, Wait.Deadline);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Entries(LogLevel.Warning), entry => entry.Contains("by passive check", StringComparison.Ordinal));
    }
}
