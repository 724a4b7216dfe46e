using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>A Redis Cluster that loses one of three masters, which nobody can take over from.</summary>
public sealed class LostMasterTests
{
    private const int Capacity = 10_000;

    private static readonly string[] Policies = [.. Enumerable.Range(0, 24).Select(i => $"p{i}")];

    [Theory]
    [InlineData("Strict", true)]
    [InlineData("Strict", false)]
    [InlineData("Leased", true)]
    [InlineData("Leased", false)]
    public async Task Buckets_of_the_other_masters_stay_shared_and_those_of_the_lost_one_come_back(string decide, bool isKilled)
    {
        await using var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 0, "--cluster-require-full-coverage", "no");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(cluster, upstream, decide);
        using var readings = new Readings(edge);
        var lost = await cluster.OwnerOfAsync("rl:nodes");
        var (theirs, others) = await SplitAsync(edge, cluster, lost);
        Assert.NotEmpty(theirs);
        Assert.NotEmpty(others);
        await ByStoreAsync(edge, readings, Policies);

        if (isKilled)
        {
            await lost.KillAsync();
        }
        else
        {
            await lost.PauseAsync();
        }

        var servers = edge.Services.GetRequiredService<StoreServers>();
        await Wait.UntilAsync(async () =>
        {
            await SendAsync(edge, theirs);
            return servers.All.Count(server => !server.IsUp) == 1;
        }, "the edge has given up asking the one that is lost, and no other");
        Assert.False(SharedLimitsTests.Store(edge).IsUp);

        // Those of the lost one: by the node, and nobody waits. The others: by the store, as if nothing had happened.
        await Wait.UntilAsync(async () =>
        {
            var (waited, local) = (Waited(readings), Decisions(readings, theirs, "local"));
            await SendAsync(edge, theirs);
            Assert.Equal(local + theirs.Length, Decisions(readings, theirs, "local"));
            return waited == Waited(readings); // a debt of another bucket may be told meanwhile
        }, "a run in which nobody waits");
        await ByStoreAsync(edge, readings, others);
        Assert.Single(servers.All, server => !server.IsUp);

        if (isKilled)
        {
            await lost.StartAgainAsync();
        }
        else
        {
            await lost.ContinueAsync();
        }

        await ByStoreAsync(edge, readings, Policies);
    }

    private static async Task<Edge> StartAsync(RedisCluster cluster, Upstream upstream, string decide)
    {
        var policies = string.Join(',', Policies.Select(name => $$"""
            "{{name}}": { "Per": "Global", "Decide": "{{decide}}",
              "Limits": [ { "Name": "{{name}}", "Capacity": {{Capacity}}, "Refill": 1, "Every": "1h" } ] }
            """));
        var routes = string.Join(',', Policies.Select(name => $$"""
            "{{name}}": { "ClusterId": "up", "Match": { "Path": "/{{name}}" }, "RateLimiterPolicy": "{{name}}" }
            """));
        var edge = await Edge.StartAsync($$"""
            "RateLimits": { {{policies}} },
            "ReverseProxy": {
              "Routes": { {{routes}} },
              "Clusters": { "up": { "Destinations": { "one": { "Address": "{{upstream.Address}}" } } } }
            }
            """, $"\"Store\": {{ \"Redis\": \"{cluster.Addresses}\" }}");
        await SharedLimitsTests.UpAsync(edge);
        await Wait.UntilAsync(() => SharedLimitsTests.Store(edge) is { IsUp: true, IsCluster: true }, "the edge knows the masters");
        return edge;
    }

    /// <summary>Until every one of these policies has been decided by the store, and none by the node, in one run.</summary>
    private static Task ByStoreAsync(Edge edge, Readings readings, string[] policies) => Wait.UntilAsync(async () =>
    {
        var (local, shared) = (Decisions(readings, policies, "local"), Shared(readings, policies));
        await SendAsync(edge, policies);
        Assert.True(Decisions(readings, policies, "local") + Shared(readings, policies) >= local + shared + policies.Length);
        return Shared(readings, policies) == shared + policies.Length;
    }, "a run in which the store made every decision");

    private static async Task SendAsync(Edge edge, string[] policies)
    {
        foreach (var policy in policies)
        {
            using var answer = await edge.Client.GetAsync("/" + policy);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    /// <summary>The policies whose buckets the lost master keeps, and the rest.</summary>
    private static async Task<(string[] Theirs, string[] Others)> SplitAsync(Edge edge, RedisCluster cluster, RedisServer lost)
    {
        var revision = edge.Services.GetRequiredService<Revisions>().Current;
        var theirs = new List<string>();
        foreach (var policy in Policies)
        {
            var name = new BucketName(revision.Policies[policy], BucketName.Everybody, "");
            if (await cluster.OwnerOfAsync("rl:" + name.Digest()) == lost)
            {
                theirs.Add(policy);
            }
        }

        return ([.. theirs], [.. Policies.Except(theirs)]);
    }

    /// <summary>Seconds that somebody waited for the store.</summary>
    private static double Waited(Readings readings) => readings["edgeproxy_ratelimit_store_duration_seconds{}"];

    private static double Shared(Readings readings, string[] policies) =>
        Decisions(readings, policies, "store") + Decisions(readings, policies, "lease");

    private static double Decisions(Readings readings, string[] policies, string source) => policies.Sum(
        policy => readings[$"edgeproxy_ratelimit_decisions_total{{policy={policy},decision=allow,source={source}}}"]);
}
