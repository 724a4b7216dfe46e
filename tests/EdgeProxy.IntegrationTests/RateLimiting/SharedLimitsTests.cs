using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Edges with a store that is a real Redis, there or not.</summary>
public sealed class SharedLimitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public async Task Two_nodes_share_a_bucket(int concurrency)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var admin = await redis.ConnectAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var one = await StartAsync(redis.Address, upstream, Hourly(50));
        await using var two = await StartAsync(redis.Address, upstream, Hourly(50));
        using var readingsOfOne = new Readings(one);
        using var readingsOfTwo = new Readings(two);
        var local = -1.0;
        await Wait.UntilAsync(async () =>
        {
            await UpAsync(one);
            await UpAsync(two);
            local = Local(readingsOfOne) + Local(readingsOfTwo);
            await admin.GetDatabase().ExecuteAsync("FLUSHALL");
            var before = upstream.Hits;
            for (var sent = 0; sent < 100; sent += concurrency)
            {
                await Task.WhenAll(Enumerable.Range(sent, concurrency).Select(i => (i % 2 == 0 ? one : two).Client.GetAsync("/")));
            }

            if (local < Local(readingsOfOne) + Local(readingsOfTwo))
            {
                return false; // the machine was too busy for an answer within 5 ms, and a node decided by its own share
            }

            Assert.Equal(50, upstream.Hits - before);
            return true;
        }, "a run in which the store made every decision");

        static double Local(Readings readings) => Of(readings, "allow") + Of(readings, "deny");
        static double Of(Readings readings, string decision) =>
            readings[$"edgeproxy_ratelimit_decisions_total{{policy=standard,decision={decision},source=local}}"];
    }

    [Fact]
    public async Task A_store_that_is_emptied_or_forgets_its_scripts_fails_no_request()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        const string Patient = ", \"Deadline\": \"1s\""; // later a node decides for itself
        await using var edge = await StartAsync(redis.Address, upstream, Hourly(3), Patient);
        await UpAsync(edge);
        await using var admin = await redis.ConnectAsync();

        Assert.Equal(3, await AdmittedAsync(edge, 5));
        await admin.GetDatabase().ExecuteAsync("SCRIPT", "FLUSH");
        Assert.Equal(0, await AdmittedAsync(edge, 5));
        await admin.GetDatabase().ExecuteAsync("FLUSHALL");
        Assert.Equal(3, await AdmittedAsync(edge, 5));
    }

    [Theory]
    [InlineData("Local", 3, HttpStatusCode.TooManyRequests, "quota_exceeded", "Strict")]
    [InlineData("Open", 5, HttpStatusCode.OK, "", "Strict")]
    [InlineData("Closed", 0, HttpStatusCode.ServiceUnavailable, "rate_limiter_unavailable", "Strict")]
    [InlineData("Local", 3, HttpStatusCode.TooManyRequests, "quota_exceeded", "Leased")]
    [InlineData("Open", 5, HttpStatusCode.OK, "", "Leased")]
    [InlineData("Closed", 0, HttpStatusCode.ServiceUnavailable, "rate_limiter_unavailable", "Leased")]
    public async Task Without_a_store_a_policy_does_what_it_says(
        string outage, int admitted, HttpStatusCode status, string code, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var policy = Hourly(3, decide).Replace("\"Per\"", $"\"OnStoreOutage\": \"{outage}\", \"Per\"", StringComparison.Ordinal);
        await using var edge = await StartAsync($"127.0.0.1:{RedisServer.FreePort()}", upstream, policy);

        Assert.Equal(admitted, await AdmittedAsync(edge, 5));
        var last = await edge.Client.GetAsync("/");
        Assert.Equal(status, last.StatusCode);
        Assert.True(last.Headers.Contains("RateLimit-Policy"));
        if (code.Length > 0)
        {
            Assert.Equal(code, (await last.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        }
    }

    [Theory, InlineData("Strict"), InlineData("Leased")]
    public async Task What_is_refused_for_want_of_a_store_is_no_client_s_doing_and_the_log_says_why(string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var policy = Hourly(3, decide).Replace("\"Per\"", "\"OnStoreOutage\": \"Closed\", \"Per\"", StringComparison.Ordinal);
        await using var edge = await StartAsync($"127.0.0.1:{RedisServer.FreePort()}", upstream, policy);
        var log = Log.Of(edge);

        Assert.Equal(0, await AdmittedAsync(edge, 5));

        Assert.Equal(5, log.Entries(LogLevel.Warning).Count(entry => entry.Contains(
            "destination -; the store cannot be asked, and OnStoreOutage of standard is Closed", StringComparison.Ordinal)));
        var top = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/ratelimits/standard/top");
        Assert.Equal(5, top.GetProperty("busiest")[0].GetProperty("count").GetInt32());
        Assert.Equal(0, top.GetProperty("refused").GetArrayLength());
        Assert.Contains(
            "edgeproxy_ratelimit_decisions_total{policy=\"standard\",decision=\"deny\",source=\"local\"} 5",
            await edge.Admin.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task A_store_that_comes_late_is_found()
    {
        await using var redis = RedisServer.NotStarted(RedisServer.FreePort());
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await StartAsync(redis.Address, upstream, Hourly(3));
        Assert.Equal(3, await AdmittedAsync(edge, 5));

        await redis.StartAgainAsync();
        await UpAsync(edge);
        await using var admin = await redis.ConnectAsync();
        await AdmittedAsync(edge, 1);
        Assert.Equal(1, await KeysAsync(admin));
    }

    [Fact]
    public async Task A_wrong_password_is_an_outage_like_any_other()
    {
        await using var redis = await RedisServer.StartAsync("--requirepass", "right");
        await using var upstream = await Upstream.StartAsync();
        await using var wrong = await StartAsync(redis.Address + ",password=wrong", upstream, Hourly(3));
        await using var right = await StartAsync(redis.Address + ",password=right", upstream, Hourly(3));
        await UpAsync(right);

        Assert.Equal(3, await AdmittedAsync(right, 5));
        Assert.Equal(3, await AdmittedAsync(wrong, 5));
    }

    [Fact]
    public async Task Nodes_know_of_each_other_and_of_one_that_leaves()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        await using var one = await StartAsync(redis.Address, upstream, Hourly(10));
        await using (var two = await StartAsync(redis.Address, upstream, Hourly(10)))
        {
            await Wait.UntilAsync(() => Store(one).Nodes == 2 && Store(two).Nodes == 2, "both know of two nodes");
        }

        await Wait.UntilAsync(() => Store(one).Nodes == 1, "the one left knows that it is alone");
    }

    internal static Task<Edge> StartAsync(string redis, Upstream upstream, string policies, string store = "") => Edge.StartAsync(
        policies + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""), $$"""
        "Store": { "Redis": "{{redis}}"{{store}} }
        """);

    internal static Redis.RedisStore Store(Edge edge) =>
        (Redis.RedisStore)edge.Services.GetService(typeof(Redis.RedisStore))!;

    internal static Task UpAsync(Edge edge) => Wait.UntilAsync(() => Store(edge).IsUp, "the edge is connected to its store");

    private static string Hourly(int capacity, string decide = "Strict") => $$"""
        "RateLimits": { "standard": {
          "Decide": "{{decide}}",
          "Per": "Client", "Limits": [ { "Name": "burst", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] } },
        """;

    private static async Task<int> AdmittedAsync(Edge edge, int requests)
    {
        var admitted = 0;
        for (var i = 0; i < requests; i++)
        {
            admitted += (await edge.Client.GetAsync("/")).IsSuccessStatusCode ? 1 : 0;
        }

        return admitted;
    }

    private static async Task<long> KeysAsync(StackExchange.Redis.ConnectionMultiplexer admin)
    {
        var keys = (StackExchange.Redis.RedisResult[]?)await admin.GetDatabase().ExecuteAsync("KEYS", "rl:*");
        return keys!.Count(key => key.ToString() != "rl:nodes");
    }
}
