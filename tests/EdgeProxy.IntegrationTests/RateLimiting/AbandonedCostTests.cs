using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>On routes with `CostHeader`, a client that leaves before the head of its response pays no less than one that stays.</summary>
public sealed class AbandonedCostTests
{
    private const string Bucket = "/v1/ratelimits/standard/buckets/127.0.0.1";
    private const string Policy = """
        { "Per": "Client", "Limits": [ { "Name": "burst", "Capacity": 100, "Refill": 1, "Every": "1h" } ] }
        """;

    [Theory]
    [InlineData(false, false, "7", "", 100 - 7 - 7)]
    [InlineData(true, false, "7", "", 100 - 7 - 7)]
    [InlineData(false, true, "7", "", 100 - 7 - 7)]
    [InlineData(false, false, "7", "\"Retry\": { \"Attempts\": 2 },", 100 - 7 - 7)]
    [InlineData(false, false, "1", "", 100 - 1 - 5)] // never less than Cost
    [InlineData(false, false, null, "", 100 - 5 - 5)]
    [InlineData(false, false, "40", "\"MaxCost\": 9,", 100 - 9 - 9)]
    public async Task A_client_that_leaves_pays_the_highest_cost_of_the_last_minute(
        bool http2, bool isShared, string? cost, string route, int left)
    {
        var hung = 0;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/hang")
            {
                Interlocked.Increment(ref hung);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            context.Response.Headers["X-Request-Cost"] = cost is null ? [] : cost;
        });
        await LimitedEdge.RunAsync(
            () => LimitedEdge.StartAsync(
                isShared, upstream, Policy, route + "\"Cost\": 5, \"CostHeader\": \"X-Request-Cost\""),
            async limited =>
            {
                Volatile.Write(ref hung, 0);
                Assert.Equal(HttpStatusCode.OK, (await limited.AskAsync()).Status);
                using var client = new Http2Client(limited.Edge);
                using var leaving = new CancellationTokenSource();
                var abandoned = http2
                    ? client.SendAsync(HttpMethod.Get, "/hang", until: leaving.Token)
                    : limited.Edge.Client.GetAsync("/hang", leaving.Token);
                await Wait.UntilAsync(() => Volatile.Read(ref hung) == 1, "the upstream has the request");
                await leaving.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);

                var level = double.NaN;
                for (var i = 0; i < 100 && level != left; i++)
                {
                    level = await LevelAsync(limited);
                    await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Wait.Deadline);
                }

                Assert.Equal(left, level);
            });
    }

    [Fact]
    public async Task A_client_that_leaves_before_its_request_is_sent_pays_no_more_than_was_taken()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.Headers["X-Request-Cost"] = "20";
            if (context.Request.Path == "/hang")
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        });
        await using var limited = await LimitedEdge.StartAsync(
            isShared: false, upstream, Policy,
            "\"CostHeader\": \"X-Request-Cost\", \"Concurrency\": { \"Max\": 1, \"Queue\": 1, \"QueueTimeout\": \"1m\" }");
        using var gauges = new Readings(limited.Edge);
        Assert.Equal(HttpStatusCode.OK, (await limited.AskAsync()).Status);
        using var leaving = new CancellationTokenSource();
        using var done = new CancellationTokenSource();
        var first = limited.Edge.Client.GetAsync("/hang", done.Token);
        await Wait.UntilAsync(() => upstream.Hits == 2, "the one place is taken");
        var queued = limited.Edge.Client.GetAsync("/", leaving.Token);
        await Wait.UntilAsync(async () => await LevelAsync(limited) == 100 - 20 - 1 - 1, "the second request is in the queue");
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued);
        await Wait.UntilAsync( // else the second one gets the place of the first and is sent
            () => gauges.Gauges()["edgeproxy_requests_in_flight{route=all}"] == 1, "the edge knows that the second client has left");
        await done.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        await Wait.UntilAsync(async () => await LevelAsync(limited) == 100 - 20 - 20 - 1, "only what was sent is charged for");
        Assert.Equal(2, upstream.Hits);
    }

    private static async Task<double> LevelAsync(LimitedEdge limited)
    {
        var bucket = await limited.Edge.Admin.GetFromJsonAsync<JsonElement>(Bucket);
        return Math.Floor(bucket.GetProperty("limits")[0].GetProperty("level").GetDouble());
    }
}
