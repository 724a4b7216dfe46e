using System.Diagnostics;
using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Three edges that lease from one real Redis.</summary>
public sealed class LeasedLimitsTests(ITestOutputHelper output)
{
    private const int Capacity = 400;
    private const int PerSecond = 400;

    private static readonly string[] Sources = ["lease", "store", "deny_cache", "local"];

    [Fact]
    public async Task Three_nodes_admit_no_more_than_one_bucket_and_seldom_ask()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var upstream = await Upstream.StartAsync();
        const string policy = """
            "RateLimits": { "standard": {
              "Per": "Global", "Limits": [ { "Name": "sec", "Capacity": 400, "Refill": 400, "Every": "1s" } ] } },
            """;
        await using var one = await SharedLimitsTests.StartAsync(redis.Address, upstream, policy);
        await using var two = await SharedLimitsTests.StartAsync(redis.Address, upstream, policy);
        await using var three = await SharedLimitsTests.StartAsync(redis.Address, upstream, policy);
        Edge[] edges = [one, two, three];
        await Wait.UntilAsync(
            () => edges.All(edge => SharedLimitsTests.Store(edge) is { IsUp: true, Nodes: 3 }), "all nodes know of each other");
        var readings = edges.Select(edge => new Readings(edge)).ToList();

        // As many as the machine gets through, well above the limit, for some seconds.
        var clock = Stopwatch.StartNew();
        var admitted = new List<double>[12];
        await Task.WhenAll(Enumerable.Range(0, admitted.Length).Select(async i =>
        {
            admitted[i] = [];
            while (clock.Elapsed < TimeSpan.FromSeconds(4))
            {
                var sent = clock.Elapsed.TotalSeconds;
                using var answer = await edges[i % edges.Length].Client.GetAsync("/");
                Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.TooManyRequests);
                if (answer.IsSuccessStatusCode)
                {
                    admitted[i].Add(sent);
                }
            }
        }));
        var elapsed = clock.Elapsed.TotalSeconds;

        double Of(string decision, string source) => readings.Sum(
            reading => reading[$"edgeproxy_ratelimit_decisions_total{{policy=standard,decision={decision},source={source}}}"]);
        var by = Sources.ToDictionary(source => source, source => Of("allow", source) + Of("deny", source));
        var total = admitted.Sum(times => times.Count);
        output.WriteLine($"{by.Values.Sum()} requests in {elapsed:F2} s, {total} admitted; "
            + string.Join(", ", by.Select(pair => $"{pair.Key} {pair.Value}")));

        // A node that was answered too late decided by its share: told to the store after it, at most that much is in dispute.
        Assert.InRange(total, 1, Capacity + (PerSecond * elapsed) + Of("allow", "local"));
        Assert.InRange(by["lease"], 1, double.MaxValue);
        Assert.InRange(by["store"] / by.Values.Sum(), 0, 0.1);
        readings.ForEach(reading => reading.Dispose());
    }

    [Fact]
    public async Task A_request_that_was_answered_too_late_is_charged_once()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var limited = await LimitedEdge.StartAsync(
            isShared: true, upstream,
            """
            { "Decide": "Leased", "Per": "Header:X-Tenant",
              "Limits": [ { "Name": "week", "Capacity": 1000, "Refill": 1, "Every": "7d" } ] }
            """);
        await using var redis = await limited.Redis!.ConnectAsync();
        using var readings = new Readings(limited.Edge);
        double Allowed(string source) => readings[$"edgeproxy_ratelimit_decisions_total{{policy=standard,decision=allow,source={source}}}"];
        var tenant = 0;
        var left = 0L;
        await Wait.UntilAsync(async () =>
        {
            tenant++;
            var (local, store) = (Allowed("local"), Allowed("store"));
            await SendAsync();
            await redis.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", "40", "ALL");
            await SendAsync();
            await redis.GetDatabase().PingAsync();
            left = await SendAsync();

            // On a busy machine others may have been too late as well: then it is tried again with a bucket of its own.
            return Allowed("local") == local + 1 && Allowed("store") == store + 2;
        }, "one answer of three is too late");
        Assert.Equal(1000 - 3, left);

        async Task<long> SendAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.Add("X-Tenant", $"{tenant}");
            using var answer = await limited.Edge.Client.SendAsync(request);
            return LimitedEdge.LeftOf(answer);
        }
    }
}
