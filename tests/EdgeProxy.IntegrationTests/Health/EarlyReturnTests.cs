using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Health;

/// <summary>A probe of its health may let an ejected destination back early; what it is ejected for decides.</summary>
public sealed class EarlyReturnTests
{
    private const string Ejected = "edgeproxy_breaker_state{cluster=\"up\",destination=\"a\"}";

    [Theory]
    [InlineData("is silent", true)]
    [InlineData("answers 500", false)]
    public async Task A_probe_that_is_answered_ends_an_ejection_for_silence_and_none_for_bad_answers(string trouble, bool isEarly)
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
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
              "Clusters": { "up": { "LoadBalancingPolicy": "RoundRobin",
                "CircuitBreaker": { "MinimumRequests": 5, "ConsecutiveFailures": 2, "FailureRatio": 0.3 }, "Ejection": { "Base": "5m" },
                "HealthCheck": { "Active": { "Enabled": true, "Interval": "300ms", "Timeout": "5s", "Path": "/healthz" } },
                "Metadata": { "ConsecutiveFailuresHealthPolicy.Threshold": "1000000" },
                "Destinations": { "a": { "Address": "{{a.Address}}" }, "b": { "Address": "{{b.Address}}" } } } }
            }
            """);
        await ActiveHealthTests.UntilStateAsync(edge, "healthy");
        Volatile.Write(ref healed, false);
        await Wait.UntilAsync(
            async () =>
            {
                using var answer = await edge.Client.GetAsync("/");
                return (await Scrape.OfAsync(edge))[Ejected] == 1;
            },
            "a is ejected");
        Volatile.Write(ref healed, true);
        var before = Volatile.Read(ref probes);

        if (isEarly)
        {
            await Wait.UntilAsync(async () => (await Scrape.OfAsync(edge))[Ejected] != 1, "a may be tried again");
            await Wait.UntilAsync(
                async () =>
                {
                    using var answer = await edge.Client.GetAsync("/");
                    return (await Scrape.OfAsync(edge))[Ejected] == 3;
                },
                "a recovers");
        }
        else
        {
            await Wait.UntilAsync(() => Volatile.Read(ref probes) > before + 3, "probes are answered");
            Assert.Equal(1, (await Scrape.OfAsync(edge))[Ejected]);
        }
    }
}
