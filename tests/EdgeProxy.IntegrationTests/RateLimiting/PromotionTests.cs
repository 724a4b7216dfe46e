using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>A real master that dies and its replica that takes over.</summary>
public sealed class PromotionTests
{
    private const int Capacity = 10;

    /// <param name="decide">How.</param>
    /// <param name="lost">Admissions that the replica has not got yet when the master dies.</param>
    [Theory]
    [InlineData("Strict", 0)]
    [InlineData("Strict", 3)]
    [InlineData("Leased", 3)]
    public async Task A_promoted_replica_is_found_and_goes_on_from_where_the_master_was(string decide, int lost)
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync($"{master.Address},{replica.Address}", upstream, Policy(decide));
        await using var admin = await replica.ConnectAsync();
        using var readings = new Readings(edge);
        await SharedLimitsTests.UpAsync(edge);
        var admitted = await AdmittedAsync(edge, 4);
        await Wait.UntilAsync(
            async () => ((StackExchange.Redis.RedisResult[]?)await admin.GetDatabase().ExecuteAsync("KEYS", "rl:*"))!.Length == 2,
            "the replica has the bucket and the nodes");

        if (lost > 0)
        {
            await admin.GetServer(replica.Address).ExecuteAsync("REPLICAOF", "127.0.0.1", $"{RedisServer.FreePort()}");
            admitted += await AdmittedAsync(edge, lost);
        }

        await master.KillAsync();
        admitted += await AdmittedAsync(edge, 2);
        await admin.GetServer(replica.Address).ExecuteAsync("REPLICAOF", "NO", "ONE");
        await Wait.UntilAsync(async () =>
        {
            admitted += await AdmittedAsync(edge, 1);
            return ByStore(readings, "deny") > 0;
        }, "the promoted replica refuses");

        // By the stated bound, an outage costs at most the capacity once more, and a failover what was lost.
        Assert.InRange(admitted, Capacity, (2 * Capacity) + lost);
    }

    private static string Policy(string decide) => $$"""
        "RateLimits": { "standard": {
          "Per": "Global", "Decide": "{{decide}}", "Limits": [ { "Name": "hour", "Capacity": 10, "Refill": 1, "Every": "1h" } ] } },
        """;

    private static double ByStore(Readings readings, string decision) =>
        readings[$"edgeproxy_ratelimit_decisions_total{{policy=standard,decision={decision},source=store}}"];

    private static async Task<int> AdmittedAsync(Edge edge, int requests)
    {
        var admitted = 0;
        for (var i = 0; i < requests; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, answer.StatusCode.ToString());
            admitted += answer.IsSuccessStatusCode ? 1 : 0;
        }

        return admitted;
    }
}
