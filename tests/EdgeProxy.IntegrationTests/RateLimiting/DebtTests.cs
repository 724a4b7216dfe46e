using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>What a node admitted while its Redis was away, looked for in the bucket after its return.</summary>
public sealed class DebtTests
{
    private const int Capacity = 15;
    private const int Unseen = 4;

    /// <summary>Too small to be lent from, so that every token is accounted for.</summary>
    private const string Policy = """
        "RateLimits": { "standard": {
          "Decide": "Leased", "Per": "Global", "Limits": [ { "Name": "day", "Capacity": 15, "Refill": 1, "Every": "24h" } ] } },
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_admitted_without_the_store_is_missing_from_the_bucket_afterwards(bool isKilled)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);
        using var readings = new Readings(edge);
        await SharedLimitsTests.UpAsync(edge);
        await SendAsync(edge, 3);
        var before = Local(readings);
        if (isKilled)
        {
            await redis.KillAsync();
        }
        else
        {
            await redis.PauseAsync();
        }

        while (Local(readings) < before + Unseen)
        {
            await SendAsync(edge, 1);
        }

        if (isKilled)
        {
            await redis.StartAgainAsync();
        }
        else
        {
            await redis.ContinueAsync();
        }

        // Emptied, it has heard of what was admitted without it alone. Paused, it knows the rest; what it was asked in the moment of
        // its going it takes as well when it is back, so that a request that the node decided may be paid for twice.
        var known = isKilled ? (decimal)(Local(readings) - before) : upstream.Hits;
        var left = 0m;
        await Wait.UntilAsync(async () =>
        {
            left = await LeftAsync(edge);
            return left < Capacity - known + 0.01m; // a token takes a day to come in
        }, "the debt is told");
        Assert.InRange(left, Capacity - upstream.Hits - (decimal)Local(readings), Capacity - known + 0.01m);
    }

    private static async Task SendAsync(Edge edge, int requests)
    {
        for (var i = 0; i < requests; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.True(answer.IsSuccessStatusCode, answer.StatusCode.ToString());
        }
    }

    private static async Task<decimal> LeftAsync(Edge edge)
    {
        using var answer = await edge.Admin.GetAsync("/v1/ratelimits/standard/buckets/global");
        if (!answer.IsSuccessStatusCode)
        {
            return decimal.MaxValue; // the store is not there yet
        }

        var bucket = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return bucket.GetProperty("limits")[0].GetProperty("level").GetDecimal();
    }

    private static double Local(Readings readings) =>
        readings["edgeproxy_ratelimit_decisions_total{policy=standard,decision=allow,source=local}"];
}
