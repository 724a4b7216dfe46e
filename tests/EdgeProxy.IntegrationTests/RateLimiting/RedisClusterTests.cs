using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Real masters that share the slots, and policies whose keys lie in different ones.</summary>
public sealed class RedisClusterTests
{
    private const int Capacity = 5;

    [Fact]
    public async Task Policies_in_different_slots_are_decided_by_the_store_all_or_none()
    {
        await using var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 0);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(cluster, upstream);
        Assert.True(SharedLimitsTests.Store(edge).IsCluster);

        await ByStoreAloneAsync(edge, async () =>
        {
            await cluster.OnMastersAsync("FLUSHALL");
            var (admitted, last) = await SendAsync(edge, 2 * Capacity);

            // What refused requests took from the other policies has been given back.
            return () =>
            {
                Assert.Equal(Capacity, admitted);
                Assert.Contains($"\"a\";r={100 - Capacity}", last, StringComparison.Ordinal);
                Assert.Contains($"\"c\";r={100 - Capacity}", last, StringComparison.Ordinal);
            };
        });
        Assert.InRange((await cluster.OnMastersAsync("KEYS", "rl:*")).Count(keys => keys.Length > 0), 2, 3);
    }

    [Fact]
    public async Task Masters_that_have_forgotten_the_scripts_are_taught_them_and_decide()
    {
        await using var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 0);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(cluster, upstream);

        await ByStoreAloneAsync(edge, async () =>
        {
            await cluster.OnMastersAsync("FLUSHALL");
            await SendAsync(edge, Capacity);
            await cluster.OnMastersAsync("SCRIPT", "FLUSH");
            var (admitted, _) = await SendAsync(edge, Capacity);
            return () => Assert.Equal(0, admitted);
        });
    }

    [Fact]
    public async Task A_master_that_is_killed_is_replaced_in_the_middle_and_the_store_decides_again()
    {
        await using var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 3);
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(cluster, upstream);
        await SendAsync(edge, Capacity);
        await Wait.UntilAsync(cluster.IsInStepAsync, "all replicas have what their masters have");
        var owner = await cluster.OwnerOfAsync("rl:nodes");
        await owner.KillAsync();

        // Until a replica is promoted and after: nothing but the upstream's answers and refusals.
        await Wait.UntilAsync(async () =>
        {
            await SendAsync(edge, 5);
            return await cluster.IsWholeAsync(without: owner);
        }, "a replica serves the slots of the one that died");
        await Wait.UntilAsync(() => SharedLimitsTests.Store(edge).IsUp, "the edge asks the store again");
        await ByStoreAloneAsync(edge, async () =>
        {
            await SharedLimitsTests.UpAsync(edge);
            await cluster.OnMastersAsync("FLUSHALL");
            var (admitted, _) = await SendAsync(edge, 2 * Capacity);
            return () => Assert.Equal(Capacity, admitted);
        });
    }

    private static async Task<Edge> StartAsync(RedisCluster cluster, Upstream upstream)
    {
        var edge = await Edge.StartAsync(
            $"\"RateLimits\": {{ {Policy("a", 100)}, {Policy("b", 100)}, {Policy("c", 100)}, {Policy("d", Capacity)} }},"
            + Edge.OneRoute(upstream.Address, "\"RateLimits\": [ \"a\", \"b\", \"c\", \"d\" ]"),
            $"\"Store\": {{ \"Redis\": \"{cluster.Addresses}\" }}");
        await SharedLimitsTests.UpAsync(edge);
        return edge;
    }

    private static string Policy(string name, int capacity) => $$"""
        "{{name}}": { "Per": "Global", "Decide": "Strict",
          "Limits": [ { "Name": "{{name}}", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] }
        """;

    /// <summary>
    /// Runs until no decision of a run was the node's own, which it is when the machine is too busy for an answer within 5 ms; then
    /// checks that run. So what is checked is what the store decided.
    /// </summary>
    private static async Task ByStoreAloneAsync(Edge edge, Func<Task<Action>> run)
    {
        using var readings = new Readings(edge);
        await Wait.UntilAsync(async () =>
        {
            await SharedLimitsTests.UpAsync(edge);
            var (local, store) = (Decisions(readings, "local"), Decisions(readings, "store"));
            var check = await run();
            if (Decisions(readings, "local") > local)
            {
                return false;
            }

            Assert.True(Decisions(readings, "store") > store, "nobody decided anything");
            check();
            return true;
        }, "a run in which the store made every decision");
    }

    private static double Decisions(Readings readings, string source) =>
        (from policy in (string[])["a", "b", "c", "d"]
         from decision in (string[])["allow", "deny"]
         select readings[$"edgeproxy_ratelimit_decisions_total{{policy={policy},decision={decision},source={source}}}"]).Sum();

    /// <summary>No request may end in anything but the upstream's answer or a refusal.</summary>
    private static async Task<(int Admitted, string Last)> SendAsync(Edge edge, int requests)
    {
        var (admitted, last) = (0, "");
        for (var i = 0; i < requests; i++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, answer.StatusCode.ToString());
            admitted += answer.IsSuccessStatusCode ? 1 : 0;
            last = string.Join(',', answer.Headers.GetValues("RateLimit"));
        }

        return (admitted, last);
    }
}
