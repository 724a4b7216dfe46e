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

    [Fact]
    public async Task Several_policies_of_a_route_are_charged_all_or_none()
    {
        var scripts = await RedisScripts.LoadAsync(_connection.GetDatabase(), script => script);
        Assert.Null(await BrokenAsync(() => new BothScripts(scripts, new BucketTwin()), RouteTorture.RunAsync));
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
    public async Task A_script_that_breaks_a_rule_is_found_out(string rule, string text, string broken) =>
        await FindAsync(rule, text, broken, LeaseTorture.RunForPromiseAsync);

    [Theory]
    [InlineData("what is given back is lost", "back = lost + math.min(returned, mine.held - lost - unspent)", "back = lost")]
    [InlineData("a grant that never arrived is lost", "math.min(mine.grant, mine.held) or 0", "0 or 0")]
    [InlineData("a lease that ran out takes room for good", "b.held = b.held - lease.held", "")]
    [InlineData("a bucket that was lost begins full", "elseif known and unspent > 0 then", "elseif false then")]
    [InlineData("more is lent than may be", "math.floor(smallest * hoard) - b.held - unspent)", "math.huge)")]
    [InlineData("a refusal is written", "if got > 0 or granted > 0 or changed then", "if true then")]
    [InlineData("a look gives back full", "if ARGV[1] == '1' then", "if true then")]
    [InlineData("debts are forgiven", "local owed = debt + tonumber(ARGV[at + i - 1])", "local owed = 0")]
    [InlineData("what is charged afterwards has no end", "local least = take.mode == '2' and -l.capacity or 0", "local least = -math.huge")]
    [InlineData(
        "what is given back is more than full",
        "math.min(math.max(b.levels[j], l.capacity - b.held), b.levels[j] - take.cost)",
        "b.levels[j] - take.cost")]
    public async Task A_script_that_loses_tokens_or_writes_what_it_should_not_is_found_out(string rule, string text, string broken) =>
        await FindAsync(rule, text, broken, LeaseTorture.RunAsync);

    [Theory]
    [InlineData("one policy is charged though another refuses", "elseif not admitted then", "elseif false then")]
    [InlineData("what is in shadow refuses", "and take.mode ~= '1' then admitted", "then admitted")]
    [InlineData("only the first limit counts", "if b.levels[j] < take.cost and", "if j == 1 and b.levels[j] < take.cost and")]
    [InlineData("leases take no room", "local room = l.capacity - b.held", "local room = l.capacity")]
    public async Task A_script_that_breaks_a_rule_of_several_policies_is_found_out(string rule, string text, string broken) =>
        await FindAsync(rule, text, broken, RouteTorture.RunAsync);

    [Fact]
    public Task A_script_that_is_written_otherwise_but_breaks_no_rule_passes() => Assert.ThrowsAsync<Xunit.Sdk.NotNullException>(() =>
        FindAsync("none", "b.levels[i] - got - granted", "b.levels[i] - (granted + got)", LeaseTorture.RunAsync));

    [Theory]
    [InlineData("local room = l.capacity - b.held", 0, 0)]
    [InlineData("local room = l.capacity", 150, Scenarios)]
    public async Task Leases_that_took_no_room_would_come_on_top_whenever_they_are_spent_late(string room, int least, int most)
    {
        var scripts = await RedisScripts.LoadAsync(
            _connection.GetDatabase(),
            script => script.Replace("local room = l.capacity - b.held", room, StringComparison.Ordinal));
        var found = 0;
        for (var seed = 0; seed < Scenarios; seed++)
        {
            found += await LeaseTorture.OverdrawsAsync(seed, scripts) ? 1 : 0;
        }

        Assert.InRange(found, least, most);
    }

    private async Task FindAsync(string rule, string text, string broken, Func<int, IBucketScripts, Task<string?>> torture)
    {
        var hits = 0;
        var scripts = await RedisScripts.LoadAsync(_connection.GetDatabase(), script =>
        {
            hits += script.Contains(text, StringComparison.Ordinal) ? 1 : 0;
            return script.Replace(text, broken, StringComparison.Ordinal);
        });
        Assert.True(hits > 0, "the scripts have changed: say the break anew");
        var found = await BrokenAsync(() => scripts, torture);
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
            await scripts.TakeAsync([new ScriptTake(key, limits, 0, random.Next(20) * Rate.Token)], now);
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

    private static async Task<string?> BrokenAsync(
        Func<IBucketScripts> scripts, Func<int, IBucketScripts, Task<string?>>? torture = null)
    {
        torture ??= LeaseTorture.RunAsync;
        var next = -1;
        string? broken = null;
        await Task.WhenAll(Enumerable.Range(0, Lanes).Select(async _ =>
        {
            for (var seed = Interlocked.Increment(ref next); seed < Scenarios && broken is null; seed = Interlocked.Increment(ref next))
            {
                broken = await torture(seed, scripts()) ?? broken;
            }
        }));
        return broken;
    }
}
