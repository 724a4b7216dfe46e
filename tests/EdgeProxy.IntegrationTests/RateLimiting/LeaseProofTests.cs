using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.RateLimiting;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>
/// What is promised about leases, held against the product's scripts on a real Redis; and the scripts broken on purpose, to show that the
/// promise would not hold and that these tests would say so.
/// </summary>
public sealed class LeaseProofTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Scenarios = 160;
    private const int Lanes = 8;

    private RedisServer _redis = null!;
    private ConnectionMultiplexer _connection = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync();
        _connection = await _redis.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task Nodes_with_leases_admit_no_more_than_one_bucket_and_the_twin_says_the_same()
    {
        var scripts = await RedisScripts.LoadAsync(_connection.GetDatabase(), script => script);
        Assert.Null(await BrokenAsync(() => new BothScripts(scripts, new BucketTwin())));
    }

    [Theory]
    [InlineData("leases take no room", "local room = l.capacity - b.held", "local room = l.capacity")]
    [InlineData("room of a lease that ran out is refilled from the start", "refill(b, math.max(b.time, lease.ends))", "")]
    [InlineData("questions too late are answered", "if mine and seq <= mine.seq then", "if false then")]
    [InlineData("what is leased is not paid", "b.levels[i] - got - granted", "b.levels[i] - got")]
    [InlineData("keys live for two seconds", "local left = ", "local left = 2000 --")]
    [InlineData("keys do not live for their leases", "last - b.now + full", "full")]
    [InlineData("a grant is taken back though it arrived", "ack < mine.seq and", "true and")]
    [InlineData(
        "a lease that ran out is given back",
        "b.held = b.held - lease.held",
        "b.held = b.held - lease.held; for i = 1, #limits do b.levels[i] = b.levels[i] + lease.held end")]
    [InlineData("only the first limit counts", "free = math.min(free, b.levels[i])", "if i == 1 then free = b.levels[i] end")]
    [InlineData("time goes back", "b.time = s[2] - ahead", "b.time = math.min(now, s[2])")]
    public async Task A_script_that_breaks_a_rule_is_found_out(string rule, string text, string broken)
    {
        var hits = 0;
        var scripts = await RedisScripts.LoadAsync(_connection.GetDatabase(), script =>
        {
            hits += script.Contains(text, StringComparison.Ordinal) ? 1 : 0;
            return script.Replace(text, broken, StringComparison.Ordinal);
        });
        Assert.True(hits > 0, "the scripts have changed: say the break anew");
        var found = await BrokenAsync(() => scripts);
        output.WriteLine($"{rule}: {found}");
        Assert.NotNull(found);
    }

    [Fact]
    public async Task What_was_spent_without_the_store_is_taken_from_each_limit_down_to_minus_its_capacity()
    {
        var scripts = new BothScripts(await RedisScripts.LoadAsync(_connection.GetDatabase(), script => script), new BucketTwin());
        var random = new Random(20261122);
        for (var run = 0; run < 200; run++)
        {
            var (key, now) = ($"debt:{run}", 200_000_000_000_000L);
            var limits = new LimitSet([.. Enumerable.Range(0, random.Next(1, 4)).Select(i => new Limit(
                $"limit-{i}", random.Next(20, 100), 1, TimeSpan.FromHours(1)))]);
            await scripts.TakeAsync(key, limits, random.Next(20) * Rate.Token, now);
            var before = (await scripts.LookAsync(key, limits, fill: false, now)).Reply[3..];
            var (debt, deficit) = (random.Next(40) * Rate.Token, default(Levels));
            for (var i = 0; i < limits.Rates.Length; i++)
            {
                deficit[i] = random.Next(2) * random.Next(60) * Rate.Token;
            }

            var ask = new LeaseAsk(limits, 0, Rate.Token, 0, 0, 1, 0, 0, 0, debt, deficit, false);
            await scripts.LeaseAsync(key, "node", ask, LeaseOptions.Default, now);
            var after = (await scripts.LookAsync(key, limits, fill: false, now)).Reply[3..];
            for (var i = 0; i < limits.Rates.Length; i++)
            {
                Assert.Equal(Math.Max(-limits.Rates[i].Capacity, before[i] - debt - deficit[i]), after[i]);
            }
        }
    }

    private static async Task<string?> BrokenAsync(Func<IBucketScripts> scripts)
    {
        var next = -1;
        string? broken = null;
        await Task.WhenAll(Enumerable.Range(0, Lanes).Select(async _ =>
        {
            for (var seed = Interlocked.Increment(ref next); seed < Scenarios && broken is null; seed = Interlocked.Increment(ref next))
            {
                broken = await LeaseTorture.RunAsync(seed, scripts()) ?? broken;
            }
        }));
        return broken;
    }
}
