using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.RateLimiting;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>The script against a real Redis, by a clock that the test holds where it matters.</summary>
public sealed class TakeScriptTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private ConnectionMultiplexer _connection = null!;

    private IDatabase Database => _connection.GetDatabase();

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
    public async Task Verdicts_and_levels_are_those_of_the_memory_store()
    {
        var random = new Random(20261122);
        var time = new Clock();
        var memory = new MemoryBucketStore(time);
        long[] capacities = [1, 2, 5, 10, 50, 200, 1000];
        double[] periods = [0.05, 1, 3, 60, 3600];
        for (var schedule = 0; schedule < 60; schedule++)
        {
            var policy = Policy($"policy-{schedule}", [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => new Limit(
                $"limit-{i}", capacities[random.Next(7)], random.Next(1, 1000), TimeSpan.FromSeconds(periods[random.Next(5)])))]);
            for (var step = 0; step < 60; step++)
            {
                time.Micros += random.Next(4) == 0 ? random.Next(3_000_000) : random.Next(2_000);
                var cost = random.Next(3) == 0 ? random.Next(1, 30) * Rate.Token : Rate.Token;
                var expected = new RateLimitVerdict(1, cost);
                expected.Takes[0] = Take(policy);
                memory.TryTake(expected);
                var actual = await AskAsync(cost, time.Micros, policy);

                Assert.Equal(expected.Takes[0].Outcome, actual.Takes[0].Outcome);
                for (var i = 0; i < policy.Limits.Length; i++)
                {
                    Assert.Equal(expected.Takes[0].Levels[i], actual.Takes[0].Levels[i]);
                }
            }
        }
    }

    [Fact]
    public async Task A_refusal_leaves_key_and_lifetime_untouched()
    {
        var policy = Policy("standard", [new Limit("hour", 2, 2, TimeSpan.FromHours(1))]);
        var key = BucketScripts.KeyOf(Take(policy).Name);
        Assert.True((await AskAsync(null, policy)).Admitted);
        Assert.True((await AskAsync(null, policy)).Admitted);
        var bytes = (byte[]?)await Database.StringGetAsync(key);
        var expiresAt = await Database.KeyExpireTimeAsync(key);

        for (var i = 0; i < 20; i++)
        {
            Assert.False((await AskAsync(null, policy)).Admitted);
        }

        Assert.Equal(bytes, (byte[]?)await Database.StringGetAsync(key));
        Assert.Equal(expiresAt, await Database.KeyExpireTimeAsync(key));
    }

    [Theory]
    [InlineData(1000, 1, 1)]
    [InlineData(10, 1000, 1)]
    [InlineData(100000, 100000, 86400)]
    public async Task A_key_lives_until_its_bucket_is_full(long capacity, long refill, double seconds)
    {
        var policy = Policy("standard", [new Limit("one", capacity, refill, TimeSpan.FromSeconds(seconds))]);
        for (var i = 0; i < 10; i++)
        {
            var verdict = await AskAsync(null, policy);
            var rate = policy.Set.Rates[0];
            var untilFull = rate.TimeUntil(verdict.Takes[0].Levels[0], rate.Capacity) / 1000;
            var left = (await Database.KeyTimeToLiveAsync(BucketScripts.KeyOf(verdict.Takes[0].Name)))!.Value.TotalMilliseconds;
            Assert.InRange(left, untilFull, untilFull + 1001);
        }
    }

    [Fact]
    public async Task Several_policies_are_charged_together_or_not_at_all()
    {
        var wide = Policy("wide", [new Limit("w", 10, 1, TimeSpan.FromHours(1))]);
        var narrow = Policy("narrow", [new Limit("n", 1, 1, TimeSpan.FromHours(1))]);
        var shadow = Policy("shadow", [new Limit("s", 1, 1, TimeSpan.FromHours(1))]) with { Mode = RateLimitMode.Shadow };

        Assert.True((await AskAsync(null, wide, narrow, shadow)).Admitted);
        for (var i = 0; i < 3; i++)
        {
            var refused = await AskAsync(null, wide, narrow, shadow);
            Assert.Equal(["n"], refused.Violated);
            Assert.Equal(TakeOutcome.GivenBack, refused.Takes[0].Outcome);
        }

        var alone = await AskAsync(null, wide, shadow);
        Assert.True(alone.Admitted);
        Assert.Equal(TakeOutcome.Refused, alone.Takes[1].Outcome);
        Assert.Equal(8, alone.Takes[0].Levels[0] / Rate.Token);
    }

    [Fact]
    public async Task What_is_given_back_is_there_again_and_never_more()
    {
        var policy = Policy("standard", [new Limit("one", 5, 1, TimeSpan.FromHours(1))]);
        await AskAsync(null, policy);
        var back = new BucketCall(null!, [Take(policy)]).Arguments(-Rate.Token, 0, 1);
        for (var i = 0; i < 3; i++)
        {
            var reply = await BucketScripts.Take.AskAsync(Database, [BucketScripts.KeyOf(Take(policy).Name)], back);
            Assert.Equal([1, 5 * Rate.Token], reply);
        }

        Assert.Equal(5, await AdmittedAsync(8, policy));
    }

    [Fact]
    public async Task Other_limits_on_reload_neither_give_tokens_away_nor_keep_too_many()
    {
        var limit = new Limit("one", 5, 1, TimeSpan.FromHours(1));
        Assert.Equal(5, await AdmittedAsync(8, Policy("p", [limit])));
        Assert.Equal(0, await AdmittedAsync(8, Policy("p", [limit with { Capacity = 1000 }])));

        var other = new Limit("two", 7, 1, TimeSpan.FromHours(1));
        var both = await AskAsync(null, Policy("p", [other, limit]));
        Assert.Equal(["one"], both.Violated);
        Assert.Equal(7 * Rate.Token, both.Takes[0].Levels[0]);

        await AdmittedAsync(1, Policy("q", [limit with { Capacity = 1000 }]));
        Assert.Equal(5, await AdmittedAsync(8, Policy("q", [limit])));
    }

    [Fact]
    public async Task A_clock_put_back_mints_nothing()
    {
        var policy = Policy("standard", [new Limit("one", 10, 10, TimeSpan.FromSeconds(1))]);
        var now = 200_000_000_000_000L;
        for (var i = 0; i < 10; i++)
        {
            Assert.True((await AskAsync(now, policy)).Admitted);
        }

        // Two masters whose clocks differ, asked in turn.
        for (var i = 0; i < 40; i++)
        {
            Assert.False((await AskAsync(now - (i % 2 * 1_500_000), policy)).Admitted);
        }

        Assert.False((await AskAsync(now - 3_600_000_000, policy)).Admitted);
        Assert.True((await AskAsync(now + 100_000, policy)).Admitted);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("")]
    public async Task A_value_that_is_not_ours_counts_as_no_bucket(string value)
    {
        var policy = Policy("standard", [new Limit("one", 5, 1, TimeSpan.FromHours(1))]);
        await Database.StringSetAsync(BucketScripts.KeyOf(Take(policy).Name), value);
        Assert.Equal(5, await AdmittedAsync(8, policy));
    }

    [Fact]
    public async Task A_script_that_the_server_has_forgotten_is_sent_again()
    {
        var policy = Policy("standard", [new Limit("one", 5, 1, TimeSpan.FromHours(1))]);
        var admitted = 0;
        for (var i = 0; i < 8; i++)
        {
            await Database.ExecuteAsync("SCRIPT", "FLUSH");
            admitted += await AdmittedAsync(1, policy);
        }

        Assert.Equal(5, admitted);
    }

    private static RateLimitPolicy Policy(string name, Limit[] limits) => new() { Name = name, Limits = [.. limits] };

    private static BucketTake Take(RateLimitPolicy policy) =>
        new() { Policy = policy, Limits = policy.Set, Name = new BucketName(policy, 'k', "acme") };

    private async Task<int> AdmittedAsync(int requests, RateLimitPolicy policy)
    {
        var admitted = 0;
        for (var i = 0; i < requests; i++)
        {
            admitted += (await AskAsync(null, policy)).Admitted ? 1 : 0;
        }

        return admitted;
    }

    private Task<RateLimitVerdict> AskAsync(long? now, params RateLimitPolicy[] policies) => AskAsync(Rate.Token, now, policies);

    private async Task<RateLimitVerdict> AskAsync(long cost, long? now, params RateLimitPolicy[] policies)
    {
        BucketTake[] takes = [.. policies.Select(Take)];
        var call = new BucketCall(null!, takes);
        var arguments = call.Arguments(cost, 0, takes.Length);
        var keys = Array.ConvertAll(takes, take => BucketScripts.KeyOf(take.Name));
        var reply = await BucketScripts.Take.AskAsync(Database, keys, now is { } clock ? [.. arguments, clock] : arguments);
        var verdict = new RateLimitVerdict(takes.Length, cost);
        takes.CopyTo(verdict.Takes);
        call.Apply(verdict, reply);
        return verdict;
    }

    private sealed class Clock : TimeProvider
    {
        public long Micros { get; set; } = 200_000_000_000_000;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => Micros;
    }
}
