using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.RateLimiting;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>Leased buckets in a real Redis, by a clock that the test holds. Amounts in tokens, times in seconds.</summary>
public sealed class LeaseScriptTests : IAsyncLifetime
{
    private const double Start = 200_000_000;

    private static readonly LeaseOptions Half = new() { Hoard = 0.5 };

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
    public async Task What_a_node_may_spend_late_takes_room_until_it_has_run_out()
    {
        var bucket = new Bucket(100, 100);
        Assert.Equal(50, (await LeaseAsync(bucket, "a", 0, want: 100)).Granted / Rate.Token);
        Assert.Equal(50, (await LeaseAsync(bucket, "b", 1.9, need: 200)).Got / Rate.Token);
        Assert.Equal(20, (await LeaseAsync(bucket, "b", 2.1, need: 200, seq: 2)).Got / Rate.Token);
    }

    [Fact]
    public async Task Room_that_a_lease_took_is_not_refilled_for_the_time_before_it_ran_out()
    {
        // Nobody asks in between: a spends its 50 just before 2 s, so that at 2.1 s there may be 50 and what 0.1 s brings.
        var bucket = new Bucket(100, 100);
        await LeaseAsync(bucket, "a", 0, want: 100);
        Assert.Equal(60, (await LeaseAsync(bucket, "b", 2.1, need: 200)).Got / Rate.Token);
    }

    [Fact]
    public async Task A_strict_decision_finds_only_what_leases_leave_room_for()
    {
        var bucket = new Bucket(100, 100);
        await LeaseAsync(bucket, "a", 0, want: 100);
        Assert.Equal(50, await TakenAsync(bucket, 1.9, 200));
        Assert.Equal(20, await TakenAsync(bucket, 2.1, 200));
    }

    [Fact]
    public async Task A_grant_whose_answer_was_lost_comes_back_with_the_next_question()
    {
        var bucket = new Bucket(100, 1);
        await LeaseAsync(bucket, "a", 0, want: 20);
        var next = await LeaseAsync(bucket, "a", 0, seq: 2);
        Assert.Equal(100, next.Levels[0] / Rate.Token);
        Assert.Equal(0, next.Outstanding);
    }

    [Fact]
    public async Task A_store_that_goes_back_in_time_gives_no_spent_lease_back()
    {
        var bucket = new Bucket(100, 1);
        Assert.Equal(10, (await LeaseAsync(bucket, "a", 0, need: 80, want: 20)).Granted / Rate.Token);
        await LeaseAsync(bucket, "b", 0, need: 10);
        await LeaseAsync(bucket, "a", 2.5, want: 1, seq: 2, ack: 1); // nothing to lend: nothing is written
        Assert.Equal(1, (await LeaseAsync(bucket, "a", 1.5, seq: 3, ack: 2)).Levels[0] / Rate.Token);
    }

    [Fact]
    public async Task A_question_that_comes_after_a_later_one_does_nothing()
    {
        var bucket = new Bucket(100, 1);
        var later = await LeaseAsync(bucket, "a", 0, want: 20, seq: 2);
        var earlier = await LeaseAsync(bucket, "a", 0, need: 10, want: 20);
        Assert.Equal(LeaseStatus.Fenced, earlier.Status);
        Assert.Equal(later.Levels[0], earlier.Levels[0]);
    }

    [Fact]
    public async Task Two_nodes_whose_clocks_differ_get_what_one_would()
    {
        // By the store's clock alone: what nodes think the time is, nobody asks.
        var bucket = new Bucket(10, 10);
        var admitted = 0L;
        for (var i = 0; i < 2000; i++)
        {
            admitted += (await LeaseAsync(bucket, i % 2 == 0 ? "a" : "b", 0.005 * i, need: 1, seq: i + 1)).Got;
        }

        Assert.Equal(10 + 99, admitted / Rate.Token);
    }

    [Fact]
    public async Task A_store_that_changes_between_clocks_apart_mints_nothing()
    {
        var bucket = new Bucket(10, 10);
        var admitted = 0L;
        for (var i = 0; i < 400; i++)
        {
            admitted += (await LeaseAsync(bucket, "a", (0.005 * i) - (i % 2 * 1.5), need: 1, seq: i + 1)).Got;
        }

        Assert.InRange(admitted / Rate.Token, 1, 10 + 20);
    }

    [Fact]
    public async Task A_clock_that_jumps_ahead_admits_one_capacity_more_and_one_that_is_put_back_none()
    {
        const double Day = 86_400;
        var bucket = new Bucket(100, 1);
        var lent = (await LeaseAsync(bucket, "a", 0, want: 100)).Granted / Rate.Token;
        var taken = await TakenAsync(bucket, 0, 200) + await TakenAsync(bucket, Day, 200);
        Assert.Equal((50, 150), (lent, taken)); // a spends its 50 late as well: twice the capacity in all

        Assert.Equal(0, await TakenAsync(bucket, 0, 200));
        Assert.Equal(10, await TakenAsync(bucket, Day + 10, 200));
        Assert.Equal(0, await TakenAsync(bucket, 0, 1));
        Assert.Equal(0, await TakenAsync(bucket, 0.5, 200));
    }

    [Fact]
    public async Task A_key_outlives_its_leases_and_the_time_to_fill_after_them()
    {
        var bucket = new Bucket(1000, 1);
        await LeaseAsync(bucket, "a", 0, need: 500, want: 250);
        var left = (await Database.KeyTimeToLiveAsync(BucketScripts.KeyOf(bucket.Name)))!.Value;
        Assert.InRange(left.TotalSeconds, 752, 753);
    }

    [Fact]
    public async Task A_bucket_drained_again_and_again_by_the_real_clock_admits_no_burst_twice()
    {
        var bucket = new Bucket(1000, 1);
        var from = TimeProvider.System.GetTimestamp();
        var admitted = 0L;
        for (var i = 0; i < 3; i++)
        {
            admitted += await TakenAsync(bucket, null, 1000);
            await Wait.UntilAsync(() => TimeProvider.System.GetElapsedTime(from).TotalSeconds > 2.2 * (i + 1), "the bucket would be gone");
        }

        Assert.InRange(admitted, 1000, 1000 + (long)TimeProvider.System.GetElapsedTime(from).TotalSeconds);
    }

    [Fact]
    public async Task Tokens_that_are_held_when_the_store_is_emptied_are_told_to_it_again()
    {
        var bucket = new Bucket(100, 1);
        await LeaseAsync(bucket, "a", 0, want: 20);
        await Database.ExecuteAsync("FLUSHALL");
        var taught = await LeaseAsync(bucket, "a", 1, seq: 2, ack: 1, unspent: 20, known: true);
        Assert.Equal(0, taught.Levels[0]);
        Assert.Equal(20, taught.Outstanding / Rate.Token);

        await Database.ExecuteAsync("FLUSHALL");
        await LeaseAsync(bucket, "b", 1, need: 10);
        taught = await LeaseAsync(bucket, "a", 1, seq: 3, ack: 2, unspent: 20, known: true);
        Assert.Equal(80, taught.Levels[0] / Rate.Token);
    }

    [Fact]
    public async Task Looking_spends_and_writes_nothing_and_filling_leaves_leases_their_room()
    {
        var bucket = new Bucket(100, 1);
        var empty = await LookAsync(bucket, 0, fill: true);
        Assert.Equal([0, 0, 100 * Rate.Token], [empty[0], empty[1], empty[3]]);
        Assert.False(await Database.KeyExistsAsync(BucketScripts.KeyOf(bucket.Name)));

        await LeaseAsync(bucket, "a", 0, need: 50, want: 20);
        var bytes = (byte[]?)await Database.StringGetAsync(BucketScripts.KeyOf(bucket.Name));
        for (var i = 0; i < 3; i++)
        {
            var seen = await LookAsync(bucket, 1, fill: false);
            Assert.Equal([20 * Rate.Token, 1, 31 * Rate.Token], [seen[0], seen[1], seen[3]]);
        }

        Assert.Equal(bytes, (byte[]?)await Database.StringGetAsync(BucketScripts.KeyOf(bucket.Name)));
        Assert.Equal(80 * Rate.Token, (await LookAsync(bucket, 1, fill: true))[3]);
        Assert.Equal(80 * Rate.Token, (await LookAsync(bucket, 1.5, fill: false))[3]);
    }

    [Fact]
    public async Task Nodes_whose_files_name_a_limit_differently_fill_nothing_for_each_other()
    {
        var (old, changed) = (new Bucket(100, 1), new Bucket(100, 1, "second"));
        Assert.Equal(old.Name.Digest(), changed.Name.Digest());
        var (byOld, byNew) = (0L, 0L);
        for (var i = 0; i < 20; i++)
        {
            byOld += await TakenAsync(old, i, 50);
            byNew += (await LeaseAsync(changed, "b", i, need: 50, seq: i + 1)).Got / Rate.Token;
        }

        Assert.Equal((100 + 19, 100 + 19), (byOld, byNew));
        await LookAsync(changed, 20, fill: true);
        Assert.Equal(100, await TakenAsync(old, 20, 200));
        var left = (await Database.KeyTimeToLiveAsync(BucketScripts.KeyOf(old.Name)))!.Value;
        Assert.InRange(left.TotalSeconds, 100, 102);
    }

    [Fact]
    public async Task A_limit_of_another_file_keeps_a_bucket_until_it_is_full_and_no_longer()
    {
        var (day, small) = (new Bucket(1000, 1, "day"), new Bucket(10, 10));
        await TakenAsync(day, 0, 500);
        await TakenAsync(small, 1, 1);
        Assert.InRange((await Database.KeyTimeToLiveAsync(BucketScripts.KeyOf(day.Name)))!.Value.TotalSeconds, 499, 501);
        await TakenAsync(small, 501, 1);
        Assert.InRange((await Database.KeyTimeToLiveAsync(BucketScripts.KeyOf(day.Name)))!.Value.TotalSeconds, 0, 2);
    }

    [Fact]
    public async Task A_bucket_of_the_first_format_is_one_without_leases()
    {
        var bucket = new Bucket(100, 1);
        var tag = LimitSet.TagAt(bucket.Limits.Tags, 0);
        await Database.ScriptEvaluateAsync(
            "redis.call('SET', KEYS[1], cmsgpack.pack({ 1, tonumber(ARGV[1]), 1, tonumber(ARGV[2]), 30000000 }))",
            [BucketScripts.KeyOf(bucket.Name)], [(long)(Start * 1e6), (int)tag]);
        Assert.Equal(40, (await LeaseAsync(bucket, "a", 10, need: 200)).Got / Rate.Token);
    }

    private async Task<LeaseReply> LeaseAsync(
        Bucket bucket, string node, double at, long need = 0, long want = 0,
        long seq = 1, long ack = 0, long unspent = 0, bool known = false)
    {
        var ask = new LeaseAsk(
            bucket.Limits, need * Rate.Token, Rate.Token, want * Rate.Token, Rate.Token, seq, ack,
            unspent * Rate.Token, 0, 0, default, known);
        RedisValue[] arguments = [.. RedisLeaseStore.Arguments(node, ask, Half), Micros(at)];
        return RedisLeaseStore.ReplyOf(await BucketScripts.Lease.AskAsync(Database, [BucketScripts.KeyOf(bucket.Name)], arguments));
    }

    private async Task<long> TakenAsync(Bucket bucket, double? at, int requests)
    {
        var call = new BucketCall(null!, [new BucketTake { Policy = bucket.Policy, Limits = bucket.Limits, Name = bucket.Name }]);
        RedisValue[] arguments = at is { } time ? [.. call.Arguments(Rate.Token, 0, 1), Micros(time)] : call.Arguments(Rate.Token, 0, 1);
        var taken = 0L;
        for (var i = 0; i < requests; i++)
        {
            taken += (await BucketScripts.Take.AskAsync(Database, [BucketScripts.KeyOf(bucket.Name)], arguments))[0];
        }

        return taken;
    }

    private Task<long[]> LookAsync(Bucket bucket, double at, bool fill)
    {
        List<RedisValue> arguments = [fill ? 1 : 0];
        BucketScripts.Add(arguments, bucket.Limits);
        return BucketScripts.Look.AskAsync(Database, [BucketScripts.KeyOf(bucket.Name)], [.. arguments, Micros(at)]);
    }

    private static RedisValue Micros(double seconds) => (long)Math.Round((Start + seconds) * 1e6);

    private sealed record Bucket(long Capacity, long Refill, string Limit = "sec")
    {
        public RateLimitPolicy Policy { get; } = new()
        {
            Name = "p",
            Limits = [new Limit(Limit, Capacity, Refill, TimeSpan.FromSeconds(1))],
        };

        public LimitSet Limits => Policy.Set;

        public BucketName Name => new(Policy, 'k', "acme");
    }
}
