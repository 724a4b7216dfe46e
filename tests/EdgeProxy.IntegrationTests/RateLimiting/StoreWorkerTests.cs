using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>How a node finds its store, and what it says of one that it does not find.</summary>
public sealed class StoreWorkerTests
{
    private const string Policy = """
        "RateLimits": { "standard": {
          "Per": "Global", "Limits": [ { "Name": "day", "Capacity": 10, "Refill": 1, "Every": "24h" } ] } },
        """;

    [Fact]
    public async Task A_node_serves_once_it_has_heard_of_the_store_and_of_the_others()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var other = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);
        await SharedLimitsTests.UpAsync(other);
        await using var admin = await redis.ConnectAsync();
        await Wait.UntilAsync(async () =>
        {
            await admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "300", "ALL");
            await using var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);

            // On a busy machine the connection may take longer than is waited for.
            return SharedLimitsTests.Store(edge) is { IsUp: true, Nodes: >= 2 };
        }, "a node that has just started knows the store and the other node");
    }

    [Fact]
    public async Task Without_a_store_a_node_starts_all_the_same()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync($"127.0.0.1:{RedisServer.FreePort()}", upstream, Policy);
        using var answer = await edge.Client.GetAsync("/");
        Assert.True(answer.IsSuccessStatusCode);
    }

    [Fact]
    public async Task A_lost_store_is_named_with_the_reason_and_without_its_password()
    {
        await using var redis = await RedisServer.StartAsync("--requirepass", "hidden");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address + ",password=hidden", upstream, Policy);
        await SharedLimitsTests.UpAsync(edge);
        var log = Log.Of(edge);

        await using var admin = await redis.ConnectAsync("password=hidden");
        await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "min-replicas-to-write", "1");
        await SaidAsync($"The store at {redis.Address} is out of reach: it answers \"NOREPLICAS");
        await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "min-replicas-to-write", "0");
        await SharedLimitsTests.UpAsync(edge);
        await redis.KillAsync();
        await SaidAsync($"The store at {redis.Address} is out of reach: no connection (");
        Assert.DoesNotContain(log.Entries(LogLevel.Trace), entry => entry.Contains("hidden", StringComparison.Ordinal));

        Task SaidAsync(string text) => Wait.UntilAsync(
            () => log.Entries(LogLevel.Warning).Any(entry => entry.Contains(text, StringComparison.Ordinal)), text);
    }

    [Fact]
    public async Task What_stands_in_place_of_the_nodes_is_replaced()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var admin = await redis.ConnectAsync();
        await admin.GetDatabase().StringSetAsync("rl:nodes", "not a set");
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await SharedLimitsTests.StartAsync(redis.Address, upstream, Policy);

        await SharedLimitsTests.UpAsync(edge);
        Assert.Equal(1, await admin.GetDatabase().SortedSetLengthAsync("rl:nodes"));
    }
}
