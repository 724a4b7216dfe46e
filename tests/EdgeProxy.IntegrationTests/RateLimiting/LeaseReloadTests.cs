using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Two nodes that lease from one Redis, and a client that keeps both busy, while a bucket changes under them.</summary>
public sealed class LeaseReloadTests(ITestOutputHelper output)
{
    private const int Clients = 4;
    private const string Bucket = "/v1/ratelimits/standard/buckets/global";

    [Fact]
    public async Task A_larger_limit_gives_nothing_away_while_nodes_hold_leases()
    {
        await using var run = await Run.StartAsync(capacity: 400);
        await run.UntilAsync(150);
        await run.ReloadAsync(capacity: 800);
        await run.UntilEmptyAsync();

        // Grown from 400 to 800 the bucket holds what it held: 400 in all, and what nodes admitted since an answer came too late.
        output.WriteLine($"{run.Admitted} admitted, {run.ByShares} by shares");
        Assert.InRange(run.Admitted, 151, 400 + run.ByShares);
    }

    [Fact]
    public async Task A_smaller_limit_holds_at_once_whatever_nodes_hold()
    {
        await using var run = await Run.StartAsync(capacity: 1000);
        await run.UntilAsync(150);
        await run.ReloadAsync(capacity: 100);
        var (before, shares) = (run.Admitted, run.ByShares);
        await run.UntilEmptyAsync();

        output.WriteLine($"{before} admitted before, {run.Admitted - before} after, {run.ByShares - shares} of these by shares");
        Assert.InRange(run.Admitted - before, 1, 100 + Clients + run.ByShares - shares); // requests under way were decided before
        Assert.InRange((await run.LookAsync()).Level, -0.01 - run.ByShares, 0.01); // spent leases are not taken from it again
    }

    [Fact]
    public async Task A_bucket_given_back_is_full_on_both_nodes_within_a_second_while_they_hold_leases()
    {
        await using var run = await Run.StartAsync(capacity: 400);
        await run.UntilAsync(150);
        var held = (await run.LookAsync()).Held;
        await run.UntilEmptyAsync();
        var before = run.Admitted;
        using var given = await run.One.Admin.DeleteAsync(Bucket);
        Assert.True(given.IsSuccessStatusCode);
        var full = LevelOf(await given.Content.ReadFromJsonAsync<JsonElement>());

        // Whoever was refused a moment ago is admitted again by both, and what comes through is what was given back.
        await run.UntilAsync(before + 300);
        Assert.All(run.SinceEmpty, admitted => Assert.InRange(admitted, 1, 400));
        await run.UntilEmptyAsync();
        output.WriteLine($"{held} held; {full} given back; {before} and {run.Admitted - before} admitted, {run.ByShares} by shares");
        Assert.InRange(held, 1, 100);
        Assert.InRange(full.Level + full.Held, 390, 400);
        Assert.InRange(run.Admitted - before, 300, 400 + run.ByShares);
    }

    private static (double Level, double Held) LevelOf(JsonElement bucket)
    {
        var limit = bucket.GetProperty("limits")[0];
        return (limit.GetProperty("level").GetDouble(), limit.GetProperty("outstanding").GetDouble());
    }

    /// <summary>Clients that ask both nodes in turn until told to stop.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private readonly RedisServer _redis;
        private readonly Upstream _upstream;
        private readonly Edge _two;
        private readonly Readings[] _readings;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _clients;
        private readonly int[] _admitted = new int[2];
        private readonly int[] _whenEmpty = new int[2];

        private Run(RedisServer redis, Upstream upstream, Edge one, Edge two)
        {
            (_redis, _upstream, One, _two) = (redis, upstream, one, two);
            _readings = [new Readings(one), new Readings(two)];
            _clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(i => SendAsync(i % 2)));
        }

        public Edge One { get; }

        public int Admitted => _admitted.Sum();

        public double ByShares =>
            _readings.Sum(reading => reading["edgeproxy_ratelimit_decisions_total{policy=standard,decision=allow,source=local}"]);

        /// <summary>What each node has admitted since the bucket was found empty.</summary>
        public IEnumerable<int> SinceEmpty => [.. _admitted.Select((admitted, i) => admitted - _whenEmpty[i])];

        public static async Task<Run> StartAsync(int capacity)
        {
            var redis = await RedisServer.StartAsync();
            var upstream = await Upstream.StartAsync();
            var one = await Edge.StartAsync(Sections(upstream, capacity), Store(redis));
            var two = await Edge.StartAsync(Sections(upstream, capacity), Store(redis));
            await Wait.UntilAsync(
                () => SharedLimitsTests.Store(one) is { IsUp: true, Nodes: 2 } && SharedLimitsTests.Store(two) is { IsUp: true, Nodes: 2 },
                "both nodes know of each other");
            return new Run(redis, upstream, one, two);
        }

        public Task ReloadAsync(int capacity) => Task.WhenAll(
            new[] { One, _two }.Select(edge => Reload.ApplyAsync(edge, Sections(_upstream, capacity), Store(_redis))));

        public Task UntilAsync(int admitted) => Wait.UntilAsync(() => Admitted >= admitted, $"{admitted} are admitted");

        /// <summary>Until nothing has been left for longer than a lease lasts.</summary>
        public async Task UntilEmptyAsync()
        {
            var (last, since) = (-1, 0L);
            await Wait.UntilAsync(() =>
            {
                if (Admitted != last)
                {
                    (last, since) = (Admitted, TimeProvider.System.GetTimestamp());
                }

                return TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(3);
            }, "the bucket is empty");
            _admitted.CopyTo(_whenEmpty, 0);
        }

        public async Task<(double Level, double Held)> LookAsync() => LevelOf(await One.Admin.GetFromJsonAsync<JsonElement>(Bucket));

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _clients;
            Array.ForEach(_readings, reading => reading.Dispose());
            await One.DisposeAsync();
            await _two.DisposeAsync();
            await _upstream.DisposeAsync();
            await _redis.DisposeAsync();
            _stop.Dispose();
        }

        private static string Store(RedisServer redis) => $$""" "Store": { "Redis": "{{redis.Address}}" } """;

        private static string Sections(Upstream upstream, int capacity) => $$"""
            "RateLimits": { "standard": { "Per": "Global",
              "Limits": [ { "Name": "day", "Capacity": {{capacity}}, "Refill": 1, "Every": "24h" } ] } },
            """ + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\"");

        private async Task SendAsync(int node)
        {
            var client = (node == 0 ? One : _two).Client;
            while (!_stop.IsCancellationRequested)
            {
                using var answer = await client.GetAsync("/");
                if (answer.IsSuccessStatusCode)
                {
                    Interlocked.Increment(ref _admitted[node]);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
            }
        }
    }
}
