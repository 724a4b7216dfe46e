using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Alone: which threads wait for which tasks is seen for the whole process.</summary>
[CollectionDefinition(nameof(StoreTopologyTests), DisableParallelization = true)]
public sealed class StoreTopologyAlone;

/// <summary>
/// A primary that is killed, or hangs, before the edge starts or later: one server, one that Sentinels watch, one of a Cluster.
/// </summary>
[Collection(nameof(StoreTopologyTests))]
public sealed class StoreTopologyTests
{
    private const int Requests = 300;

    public static TheoryData<string, bool, bool> Cases()
    {
        var cases = new TheoryData<string, bool, bool>();
        foreach (var topology in (string[])["Single", "Sentinel", "Cluster"])
        {
            cases.Add(topology, true, true);
            cases.Add(topology, true, false);
            cases.Add(topology, false, true);
            cases.Add(topology, false, false);
        }

        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task A_primary_that_is_gone_or_hangs_fails_no_request_blocks_no_thread_and_is_replaced_or_found_again(
        string topology, bool isKilled, bool atTheStart)
    {
        await using var store = await StoreOf(topology);
        await using var upstream = await Upstream.StartAsync();
        using var waits = new SynchronousWaits();
        if (atTheStart)
        {
            await TakeAsync();
        }

        await using var edge = await StartAsync(store, upstream);
        if (!atTheStart)
        {
            await SharedLimitsTests.UpAsync(edge);
            await TakeAsync();
        }

        for (var sent = 0; sent < Requests; sent++)
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await store.ReplaceAsync(isKilled);
        await Wait.UntilAsync(async () =>
        {
            using var answer = await edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return SharedLimitsTests.Store(edge).IsUp;
        }, "the store decides again");
        Assert.Empty(waits.Seen);

        Task TakeAsync() => isKilled ? store.Primary.KillAsync() : store.Primary.PauseAsync();
    }

    private static Task<Edge> StartAsync(TestedStore store, Upstream upstream) => Edge.StartAsync(
        """
        "RateLimits": { "standard": { "Per": "Global", "Decide": "Strict",
          "Limits": [ { "Name": "day", "Capacity": 1000000, "Refill": 1000000, "Every": "1s" } ] } },
        """ + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""),
        $"\"Store\": {{ {store.Keys} }}");

    private static async Task<TestedStore> StoreOf(string topology)
    {
        switch (topology)
        {
            case "Sentinel":
                var watched = await RedisSentinels.StartAsync();
                return new TestedStore(
                    watched, watched.Primary, $"\"Endpoints\": [ {watched.Endpoints} ], \"ServiceName\": \"{RedisSentinels.Service}\"",
                    _ => Wait.UntilAsync(watched.HaveElectedAsync, "the replica has been elected"));
            case "Cluster":
                var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 3);
                await Wait.UntilAsync(cluster.IsInStepAsync, "all replicas have what their masters have");
                var owner = await cluster.OwnerOfAsync("rl:nodes");
                return new TestedStore(cluster, owner, $"\"Redis\": \"{cluster.Addresses}\"", _ => Task.CompletedTask);
            default:
                var single = await RedisServer.StartAsync();
                return new TestedStore(
                    single, single, $"\"Endpoints\": [ \"{single.Address}\" ]",
                    isKilled => isKilled ? single.StartAgainAsync() : single.ContinueAsync());
        }
    }

    /// <param name="ReplaceAsync">Until there is a primary again; told whether the old one was killed.</param>
    private sealed record TestedStore(
        IAsyncDisposable Servers, RedisServer Primary, string Keys, Func<bool, Task> ReplaceAsync) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Servers.DisposeAsync();
    }
}
