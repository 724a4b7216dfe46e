using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>What a request costs, by the configuration and by what its upstream says. In memory and in Redis.</summary>
public sealed class CostTests
{
    [Theory, InlineData(false), InlineData(true)]
    public async Task A_request_takes_the_cost_of_its_route(bool isShared)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var store = await LimitedEdge.StartAsync(isShared, upstream, Hourly(12), "\"Cost\": 5");

        Assert.Equal((HttpStatusCode.OK, 7), await store.AskAsync());
        Assert.Equal((HttpStatusCode.OK, 2), await store.AskAsync());
        Assert.Equal((HttpStatusCode.TooManyRequests, 2), await store.AskAsync());
        Assert.Equal(2, upstream.Hits);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_cost_above_the_capacity_is_refused_without_a_time_to_come_back(bool isShared)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var store = await LimitedEdge.StartAsync(isShared, upstream, Hourly(12), "\"Cost\": 13");

        using var refused = await store.Edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Null(refused.Headers.RetryAfter);
        Assert.True(refused.Headers.Contains("RateLimit-Policy"));
        Assert.False(refused.Headers.Contains("RateLimit"));
        Assert.DoesNotContain("retryAfter", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, upstream.Hits);
    }

    private static string Hourly(int capacity) => $$"""
        { "Per": "Client", "Limits": [ { "Name": "burst", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] }
        """;
}
