using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>What becomes of leased tokens that are not spent.</summary>
public sealed class LeaseEndTests
{
    private const string Key = "/buckets/ip:127.0.0.1";

    [Fact]
    public async Task What_a_node_that_stops_had_leased_is_there_for_the_next_at_once()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var other = await StartAsync(redis, upstream);
        await using var leaving = await StartAsync(redis, upstream);
        using var readings = new Readings(leaving);
        var held = 0;
        await Wait.UntilAsync(async () =>
        {
            await BurstAsync(leaving);
            return (held = await HeldAsync(other, "ample")) >= 50;
        }, "the node holds a lease worth the name");
        await leaving.StopAsync();

        // Right after the stop, long before a lease runs out: nothing is held, and what was not admitted is all there. A late answer of
        // the store may have been paid for twice; a lease that is lost would be missing as a whole.
        var level = await LimitAsync(other, "ample", "level");
        Assert.Equal(0, await HeldAsync(other, "ample"));
        var late = readings["edgeproxy_ratelimit_decisions_total{policy=ample,decision=allow,source=local}"];
        Assert.InRange(level, 1000 - upstream.Hits - late, 1000 - upstream.Hits + late);
        var before = upstream.Hits;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(other));
        }

        Assert.Equal(before + 20, upstream.Hits);
    }

    [Fact]
    public async Task What_one_policy_lends_is_given_back_when_another_refuses()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(redis, upstream, "\"ample\", \"scarce\"");

        // The store has to know: what a busy machine let the node decide by itself is told with later questions.
        await Wait.UntilAsync(
            async () => await BurstAsync(edge) && await LimitAsync(edge, "scarce", "level") <= 20, "one bucket is empty");
        for (var i = 0; i < 60; i++)
        {
            await BurstAsync(edge);
        }

        await Wait.UntilAsync(async () => await HeldAsync(edge, "ample") == 0, "leases have gone back");

        // Sent: 1200 at least. A late answer of the store may have been spent twice; each refusal that keeps a token would leave none.
        Assert.InRange(await LimitAsync(edge, "ample", "level"), 600, 1000);
    }

    [Fact]
    public async Task A_bucket_given_back_on_one_node_admits_on_another_within_a_second()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var one = await StartAsync(redis, upstream, "\"scarce\"");
        await using var two = await StartAsync(redis, upstream, "\"scarce\"");
        await Wait.UntilAsync(async () => (await AskAsync(two)) == HttpStatusCode.TooManyRequests, "the bucket is empty");
        using var given = await one.Admin.DeleteAsync("/v1/ratelimits/scarce" + Key);
        Assert.Equal(HttpStatusCode.OK, given.StatusCode);

        await Wait.UntilAsync(async () => (await AskAsync(two)) == HttpStatusCode.OK, "the other node admits again");
    }

    private static async Task<Edge> StartAsync(RedisServer redis, Upstream upstream, string policies = "\"ample\"")
    {
        const string limits = """
            "RateLimits": {
              "ample": { "Limits": [ { "Name": "all", "Capacity": 1000, "Refill": 1, "Every": "1h" } ] },
              "scarce": { "Limits": [ { "Name": "few", "Capacity": 100, "Refill": 1, "Every": "1h" } ] } },
            """;
        var edge = await Edge.StartAsync(
            limits + Edge.OneRoute(upstream.Address, $"\"RateLimits\": [ {policies} ]"),
            $$""" "Store": { "Redis": "{{redis.Address}}" } """);
        await SharedLimitsTests.UpAsync(edge);
        return edge;
    }

    private static async Task<bool> BurstAsync(Edge edge)
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => AskAsync(edge)));
        return true;
    }

    private static async Task<HttpStatusCode> AskAsync(Edge edge)
    {
        using var answer = await edge.Client.GetAsync("/");
        return answer.StatusCode;
    }

    private static Task<int> HeldAsync(Edge edge, string policy) => LimitAsync(edge, policy, "outstanding");

    private static async Task<int> LimitAsync(Edge edge, string policy, string property)
    {
        var bucket = await edge.Admin.GetFromJsonAsync<JsonElement>($"/v1/ratelimits/{policy}{Key}");
        return (int)bucket.GetProperty("limits")[0].GetProperty(property).GetDecimal();
    }
}
