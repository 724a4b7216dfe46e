using EdgeProxy.RateLimiting;
using FsCheck;
using FsCheck.Fluent;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>What must hold of nodes, not of the store's scripts alone.</summary>
public sealed class NodePropertyTests(ITestOutputHelper output)
{
    /// <summary>
    /// Limits that gain whole microtokens in each microsecond, so that rounding makes no difference; and pauses between requests.
    /// </summary>
    private static readonly Gen<(Limit[] Limits, long Cost, int[] Pauses)> Schedules =
        from count in Gen.Choose(1, 3)
        from limits in Gen.ArrayOf(
            from capacity in Gen.Elements(2L, 10, 20, 50, 200, 1000)
            from refill in Gen.Elements(1L, 5, 20, 100, 1000)
            select Limits.Of(capacity, refill, 1, $"limit-{capacity}-{refill}"), count)
        from cost in Gen.Elements(1L, 1, 2)
        from busy in Gen.Choose(100, 50_000)
        from length in Gen.Choose(1, 1500)
        from pauses in Gen.ArrayOf(
            Gen.Frequency((90, Gen.Choose(0, busy)), (9, Gen.Choose(0, 300_000)), (1, Gen.Choose(0, 5_000_000))), length)
        where limits.Select(limit => limit.Name).Distinct().Count() == limits.Length
        select (limits, cost, pauses);

    [Fact]
    public void Nodes_keep_what_is_promised_whatever_the_store_and_the_network_do()
    {
        var decided = new Dictionary<DecisionSource, int>();
        for (var seed = 0; seed < 60; seed++)
        {
            var (broken, sources) = NodeTorture.Run(seed);
            Assert.Null(broken);
            foreach (var (source, count) in sources)
            {
                decided[source] = decided.GetValueOrDefault(source) + count;
            }
        }

        output.WriteLine(string.Join(", ", decided));
        Assert.All(
            [DecisionSource.Lease, DecisionSource.Store, DecisionSource.DenyCache, DecisionSource.Local],
            source => Assert.InRange(decided.GetValueOrDefault(source), 1000, int.MaxValue));
    }

    [Fact]
    public void One_node_decides_the_same_in_memory_strictly_and_by_leases() => Prop.ForAll(Schedules.ToArbitrary(), schedule =>
    {
        var time = new ManualTime();
        var policy = Limits.Policy([.. schedule.Limits]);
        var quarterLess = schedule.Limits.Select(limit => limit with { Capacity = limit.Capacity * 3 / 4 });
        var less = Limits.Policy([.. quarterLess]) with { Name = "less" };
        var memory = new MemoryBucketStore(time);
        var (near, cost) = (new NearStore(time), schedule.Cost * Rate.Token);
        var leased = new LeasedBucketStore(
            new LeaseNode(LeaseOptions.Default, 64, 1), near, near, null!, new MemoryBucketStore(time), time, waiter => waiter.GoOn());
        var swept = time.Micros;

        // By leases never more, and not much less: what the node holds and has spent takes room until it asks again, so that a bucket of
        // three quarters is what is left for refilling, and refuses by itself between two questions for a tenth of a second at most.
        var paced = policy.Set.Rates.Max(rate => Math.Min(rate.Capacity / 4, rate.Refill(0, 100_000)));
        var (inMemory, inLess, strictly, byLeases) = (0L, 0L, 0L, 0L);
        foreach (var pause in schedule.Pauses)
        {
            for (var until = time.Micros + pause; time.Micros < until;)
            {
                time.Micros = Math.Min(until, swept + 100_000);
                if (time.Micros == swept + 100_000)
                {
                    swept = time.Micros;
                    leased.Sweep();
                }
            }

            inMemory += memory.Ask(schedule.Cost, "acme", policy).Admitted ? cost : 0;
            inLess += memory.Ask(schedule.Cost, "acme", less).Admitted ? cost : 0;
            strictly += near.Take(policy.Set, cost) ? cost : 0;
            var verdict = Limits.Verdict(schedule.Cost, [Limits.Take(policy, "acme")]);
            if (!verdict.RefuseWhatCanNeverBe() && !leased.TryTake(verdict))
            {
                leased.TakeAsync(verdict).AsTask().GetAwaiter().GetResult();
            }

            byLeases += verdict.Admitted ? cost : 0;
            Assert.Equal(inMemory, strictly);
            Assert.InRange(byLeases, (inLess * 4 / 5) - paced - cost, inMemory);
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    /// <summary>A store that answers at once.</summary>
    private sealed class NearStore(ManualTime time) : ILeaseStore, Redis.IStoreLink
    {
        private readonly BucketTwin _twin = new();

        public bool IsUp => true;

        public bool IsPartlyUp => true;

        public bool HasAnswered => true;

        public int Nodes => 1;

        public int PlaceOf(RedisKey key) => -1;

        public bool IsUpAt(int place) => true;

        public void Watch(Redis.StoreCall call)
        {
        }

        public bool Take(LimitSet limits, long cost) =>
            limits.SmallestCapacity >= cost
            && _twin.TakeAsync([new ScriptTake("strict", limits, 0, cost)], time.Micros).AsTask().Result[0].Reply[0] == 1;

        public ValueTask<Redis.StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask)
        {
            var reply = _twin.LeaseAsync("leased", "node", ask, LeaseOptions.Default, time.Micros).AsTask().Result.Reply;
            return new(new Redis.StoreReply<LeaseReply>(Redis.StoreMiss.None, RedisLeaseStore.ReplyOf(reply)));
        }
    }
}
