using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Health;

/// <summary>A probe of its health may let an ejected destination back early; what it is ejected for decides.</summary>
public sealed class EarlyReturnTests
{
    private const string Ejected = "edgeproxy_breaker_state{cluster=\"up\",destination=\"a\"}";

    [Fact]
    public async Task A_probe_that_is_answered_ends_an_ejection_for_what_no_client_can_cause()
    {
        await using var a = await ServerProcess.NginxAsync();
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await StartAsync(a.Address, b.Address);
        await ActiveHealthTests.UntilStateAsync(edge, "healthy");
        await a.KillAsync();
        await UntilEjectedAsync(edge);
        await a.RestartAsync();

        await Wait.UntilAsync(async () => (await Scrape.OfAsync(edge))[Ejected] != 1, "a may be tried again");
        await Wait.UntilAsync(
            async () =>
            {
                using var answer = await edge.Client.GetAsync("/");
                return (await Scrape.OfAsync(edge))[Ejected] == 3;
            },
            "a recovers");
    }

    [Theory]
    [InlineData("is silent")]
    [InlineData("answers 500")]
    public async Task A_probe_that_is_answered_ends_no_ejection_for_what_a_client_can_cause(string trouble)
    {
        var (healed, probes) = (true, 0); // until its first probe has found it well
        await using var a = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                var isProbe = head.StartsWith("GET /healthz", StringComparison.Ordinal);
                Interlocked.Add(ref probes, isProbe ? 1 : 0);
                if (!Volatile.Read(ref healed) && trouble == "is silent")
                {
                    connection.Reset(); // probes are not answered either
                    return;
                }

                await connection.SendAsync(Volatile.Read(ref healed) || isProbe
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                    : "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await StartAsync(a.Address, b.Address);
        await ActiveHealthTests.UntilStateAsync(edge, "healthy");
        Volatile.Write(ref healed, false);
        await UntilEjectedAsync(edge);
        Volatile.Write(ref healed, true);
        var before = Volatile.Read(ref probes);

        await Wait.UntilAsync(() => Volatile.Read(ref probes) > before + 3, "probes are answered");
        Assert.Equal(1, (await Scrape.OfAsync(edge))[Ejected]);
    }

    private static Task UntilEjectedAsync(Edge edge) => Wait.UntilAsync(
        async () =>
        {
            using var answer = await edge.Client.GetAsync("/");
            return (await Scrape.OfAsync(edge))[Ejected] == 1;
        },
        "a is ejected");

    private static Task<Edge> StartAsync(string a, string b) => Edge.StartAsync($$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
          "Clusters": { "up": { "LoadBalancingPolicy": "RoundRobin",
            "CircuitBreaker": { "MinimumRequests": 5, "ConsecutiveFailures": 2, "FailureRatio": 0.3 }, "Ejection": { "Base": "5m" },
            "HealthCheck": { "Active": { "Enabled": true, "Interval": "300ms", "Timeout": "5s", "Path": "/healthz" } },
            "Metadata": { "ConsecutiveFailuresHealthPolicy.Threshold": "1000000" },
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" } } } }
        }
        """);
}
