using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>What a request costs, by the configuration and by what its upstream says. In memory and in Redis.</summary>
public sealed class CostTests
{
    private const string Bucket = "/v1/ratelimits/standard/buckets/127.0.0.1";

    [Theory]
    [InlineData(false, "Strict")]
    [InlineData(true, "Strict")]
    [InlineData(true, "Leased")]
    public async Task A_request_takes_the_cost_of_its_route(bool isShared, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        var start = () => LimitedEdge.StartAsync(isShared, upstream, Hourly(12), "\"Cost\": 5", decide: decide);
        await LimitedEdge.RunAsync(start, async store =>
        {
            var before = upstream.Hits;
            Assert.Equal((HttpStatusCode.OK, 7), await store.AskAsync());
            Assert.Equal((HttpStatusCode.OK, 2), await store.AskAsync());
            Assert.Equal((HttpStatusCode.TooManyRequests, 2), await store.AskAsync());
            Assert.Equal(2, upstream.Hits - before);
        });
    }

    [Theory]
    [InlineData(false, "Strict")]
    [InlineData(true, "Strict")]
    [InlineData(true, "Leased")]
    public async Task A_cost_above_the_capacity_is_refused_without_a_time_to_come_back(bool isShared, string decide)
    {
        await using var upstream = await Upstream.StartAsync();
        await using var store = await LimitedEdge.StartAsync(isShared, upstream, Hourly(12), "\"Cost\": 13", decide: decide);

        using var refused = await store.Edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Null(refused.Headers.RetryAfter);
        Assert.True(refused.Headers.Contains("RateLimit-Policy"));
        Assert.False(refused.Headers.Contains("RateLimit"));
        Assert.DoesNotContain("retryAfter", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, upstream.Hits);
    }

    [Theory]
    [InlineData(false, "7", 5, "settled")]
    [InlineData(true, "7", 5, "settled")]
    [InlineData(true, "7", 5, "settled", "Leased")]
    [InlineData(false, "0", 12, "settled")]
    [InlineData(true, "0", 12, "settled")]
    [InlineData(true, "0", 12, "settled", "Leased")]
    [InlineData(false, "20", -8, "settled")]
    [InlineData(true, "20", -8, "settled")]
    [InlineData(true, "20", -8, "settled", "Leased")]
    [InlineData(true, "9000000000", -12, "settled")]
    [InlineData(true, "9000000000", -12, "settled", "Leased")]
    [InlineData(true, "5", 7, "unchanged")]
    [InlineData(true, null, 7, "absent")]
    [InlineData(true, "-1", 7, "invalid")]
    [InlineData(true, "6 6", 7, "invalid")]
    public async Task The_upstream_says_what_a_request_really_cost(
        bool isShared, string? said, int left, string outcome, string decide = "Strict")
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.Headers["X-Request-Cost"] = said is null ? [] : said.Split(' ');
            return Task.CompletedTask;
        });
        await using var store = await LimitedEdge.StartAsync(
            isShared, upstream, Hourly(12), "\"Cost\": 5, \"CostHeader\": \"X-Request-Cost\"", decide: decide);
        using var readings = new Readings(store.Edge);

        await Wait.UntilAsync(async () =>
        {
            await store.Edge.Admin.DeleteAsync(Bucket);
            using var answer = await store.Edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.False(answer.Headers.Contains("X-Request-Cost"));
            for (var i = 0; i < 50; i++)
            {
                var bucket = await store.Edge.Admin.GetFromJsonAsync<JsonElement>(Bucket);
                if (Math.Floor(bucket.GetProperty("limits")[0].GetProperty("level").GetDouble()) == left)
                {
                    Assert.Equal(Math.Max(0, left), LimitedEdge.LeftOf(answer));
                    return true;
                }
            }

            return false; // the machine was too busy for an answer within 5 ms, and the node decided by itself
        }, $"{left} tokens are left");
        Assert.InRange(readings[$"edgeproxy_ratelimit_settlements_total{{outcome={outcome}}}"], 1, double.MaxValue);
    }

    [Fact]
    public async Task Under_leases_what_requests_really_cost_is_settled_in_few_calls()
    {
        const int requests = 200;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.Headers["X-Request-Cost"] = "3";
            return Task.CompletedTask;
        });
        await using var store = await LimitedEdge.StartAsync(
            isShared: true, upstream,
            """{ "Decide": "Leased", "Limits": [ { "Name": "burst", "Capacity": 2000, "Refill": 1, "Every": "1h" } ] }""",
            "\"Cost\": 2, \"CostHeader\": \"X-Request-Cost\"");
        using var readings = new Readings(store.Edge);
        for (var i = 0; i < requests; i++)
        {
            using var answer = await store.Edge.Client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        // A request whose answer was late may have been paid for twice: in Redis and as a debt.
        var late = readings["edgeproxy_ratelimit_decisions_total{policy=standard,decision=allow,source=local}"];
        var sum = 0m;
        await Wait.UntilAsync(async () =>
        {
            var limit = (await store.Edge.Admin.GetFromJsonAsync<JsonElement>(Bucket)).GetProperty("limits")[0];
            sum = limit.GetProperty("level").GetDecimal();
            return limit.GetProperty("outstanding").GetDecimal() == 0;
        }, "leases have gone back");
        Assert.InRange((double)sum, 2000 - (3 * requests) - (3 * late) - 0.1, 2000 - (3 * requests) + 0.1);
        Assert.Equal(requests, readings["edgeproxy_ratelimit_settlements_total{outcome=settled}"]);
        var tokens = readings.Gauges();
        double Lent(string what) => tokens[$"edgeproxy_ratelimit_lease_tokens_total{{event={what}}}"];
        Assert.InRange(Lent("granted") - Lent("returned"), requests, 3 * requests); // most of it never asked the store
    }

    [Fact]
    public async Task What_is_settled_after_a_reload_leaves_limits_that_are_new_as_they_are()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.Headers["X-Request-Cost"] = "3";
            await (context.Request.Path == "/slow" ? goOn.Task : Task.CompletedTask);
        });
        const string Route = "\"RateLimiterPolicy\": \"standard\", \"CostHeader\": \"X-Request-Cost\"";
        await using var store = await LimitedEdge.StartAsync(
            isShared: false, upstream, Hourly(100), "\"CostHeader\": \"X-Request-Cost\"");
        var slow = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => store.Edge.Client.GetAsync("/slow", Wait.Deadline)));
        await Wait.UntilAsync(() => upstream.Hits == 3, "all are under way");
        await Reload.ApplyAsync(
            store.Edge,
            """
            "RateLimits": { "standard": { "Limits": [
                { "Name": "burst", "Capacity": 100, "Refill": 1, "Every": "1h" },
                { "Name": "day", "Capacity": 9, "Refill": 1, "Every": "1d" } ] } },
            """ + Edge.OneRoute(upstream.Address, Route));
        await store.AskAsync();
        goOn.SetResult();
        Array.ForEach(await slow, answer => answer.Dispose());

        await Wait.UntilAsync(
            async () =>
            {
                var limits = (await store.Edge.Admin.GetFromJsonAsync<JsonElement>(Bucket)).GetProperty("limits");
                return LevelOf(limits[0]) == 88 && LevelOf(limits[1]) == 0;
            },
            "all is paid under both limits");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await store.AskAsync()).Status);
    }

    [Fact]
    public async Task A_cost_in_the_trailers_changes_nothing_and_ends_at_the_edge()
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Request-Cost: 7\r\nX-Other: 1\r\n\r\n");
        await using var edge = await Edge.StartAsync(
            $$"""
            "RateLimits": { "standard": {{Hourly(12)}} },
            """
            + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\", \"CostHeader\": \"X-Request-Cost\""));
        using var client = new Http2Client(edge);
        using var answer = await client.SendAsync(HttpMethod.Get, "/");
        Assert.Equal("body", await answer.Content.ReadAsStringAsync());

        Assert.Equal(["X-Other"], answer.TrailingHeaders.Select(trailer => trailer.Key), StringComparer.OrdinalIgnoreCase);
        Assert.Equal(11, LimitedEdge.LeftOf(answer));
    }

    private static double LevelOf(JsonElement limit) => Math.Floor(limit.GetProperty("level").GetDouble());

    private static string Hourly(int capacity) => $$"""
        { "Per": "Client", "Limits": [ { "Name": "burst", "Capacity": {{capacity}}, "Refill": 1, "Every": "1h" } ] }
        """;
}
