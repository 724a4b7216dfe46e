using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.RateLimiting.Simulation;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>What is put right after a request was admitted, on a node that leases, in simulated time.</summary>
public sealed class SettlementTests
{
    private const int Capacity = 1000;
    private const int Sent = 500;

    private readonly RateLimitPolicy _policy = Limits.Policy(Limits.Of(Capacity, 1, 3600));
    private readonly SimulatedWorld _world = new();
    private readonly SimulatedStore _store;
    private readonly LeasedBucketStore _node;
    private readonly LeasedBucketStore _other;

    public SettlementTests()
    {
        _store = new SimulatedStore(_world, LeaseOptions.Default)
        {
            Pause = (_world.Now + 20_000_000, _world.Now + 30_000_000),
        };
        _node = NodeOf(0);
        _other = NodeOf(1);
    }

    [Fact]
    public void What_an_answer_cost_goes_to_and_from_the_lease_and_costs_no_call()
    {
        var verdict = Leased();
        var calls = _store.Calls;
        for (var i = 0; i < 20; i++)
        {
            Assert.True(_node.Settle(ref verdict.Takes[0], 3 * Rate.Token));
            Assert.True(_node.Settle(ref verdict.Takes[0], -3 * Rate.Token));
        }

        Assert.True(_node.Settle(ref verdict.Takes[0], -Rate.Token));
        Assert.Equal(calls, _store.Calls);
        Assert.Equal(Capacity - Sent + 1, LeftOnceReturned());
    }

    [Theory, InlineData(200_000, 20), InlineData(30_000, 300)]
    public void A_lease_that_is_spent_from_slowly_or_in_vain_is_not_lost_when_it_runs_out(long every, int times)
    {
        Leased();
        var admitted = Sent;
        for (var i = 0; i < times; i++)
        {
            Pass(every);
            var verdict = Ask(_node);
            if (times > 20) // another policy refuses
            {
                _node.Settle(ref verdict.Takes[0], -Rate.Token);
                continue;
            }

            admitted++;
        }

        Assert.Equal(Capacity - admitted, LeftOnceReturned());
    }

    [Fact]
    public void What_the_lease_does_not_have_is_charged_in_the_store_in_few_calls()
    {
        var verdict = Leased();
        var calls = _store.Calls;
        for (var i = 0; i < 100; i++)
        {
            Assert.True(_node.Settle(ref verdict.Takes[0], 12 * Rate.Token));
            Pass(100);
        }

        Pass(1_000_000);
        Assert.InRange(_store.Calls - calls, 1, 30);
        Assert.InRange(LeftOnceReturned(), Capacity - Sent - 1200, Capacity - Sent - 1199);
    }

    [Fact]
    public void What_is_given_back_after_the_lease_was_reported_is_there_once_and_never_makes_more_than_full()
    {
        var verdict = Leased();
        Pass(2_000_000); // the lease has gone back
        Assert.True(_node.Settle(ref verdict.Takes[0], -2 * Rate.Token));
        Assert.Equal(Capacity - Sent + 2, LeftOnceReturned());
        Assert.True(_node.Settle(ref verdict.Takes[0], -5000 * Rate.Token));
        Assert.Equal(Capacity, LeftOnceReturned());
    }

    [Fact]
    public void What_is_settled_during_an_outage_is_told_after_it()
    {
        var verdict = Leased();
        PassUntil(21_000_000);
        Ask(_node);
        Ask(_node); // two misses: the node has given up asking
        Assert.True(_node.Settle(ref verdict.Takes[0], 100 * Rate.Token));
        var local = Ask(_node);
        Assert.Equal(DecisionSource.Local, local.Takes[0].Source);
        Assert.True(_node.Settle(ref local.Takes[0], 30 * Rate.Token));
        PassUntil(35_000_000);

        // Three without the store, 30 for the last of them, 100 for one before. What was asked in vain may have been paid for, too.
        Assert.InRange(LeftOnceReturned(), Capacity - Sent - 3 - 130 - 2, Capacity - Sent - 3 - 130);
    }

    private LeasedBucketStore NodeOf(int index)
    {
        var link = _store.LinkOf(index, 2);
        var local = new MemoryBucketStore(_world.Time, most: 64, stripes: 1);
        return new LeasedBucketStore(
            new LeaseNode(LeaseOptions.Default, most: 64, stripes: 1), link, link, local, local, _world.Time, waiter => waiter.GoOn());
    }

    /// <summary>The last of many requests: one that was admitted from a lease which has some left.</summary>
    private RateLimitVerdict Leased()
    {
        RateLimitVerdict? last = null;
        for (var i = 0; i < Sent; i++)
        {
            last = Ask(_node);
            Assert.True(last.Admitted);
        }

        Assert.Equal(DecisionSource.Lease, last!.Takes[0].Source);
        return last;
    }

    private RateLimitVerdict Ask(LeasedBucketStore node)
    {
        var verdict = Limits.Verdict(Limits.Take(_policy, "acme"));
        var asked = node.TryTake(verdict) ? ValueTask.CompletedTask : node.TakeAsync(verdict);
        Pass(6000);
        Assert.True(asked.IsCompleted);
        return verdict;
    }

    /// <summary>What another node sees when this one has given back what it holds: before its own request.</summary>
    private long LeftOnceReturned()
    {
        Pass(3_000_000);
        var verdict = Ask(_other);
        Assert.Equal(DecisionSource.Store, verdict.Takes[0].Source);
        var left = verdict.Left() + (verdict.Admitted ? 1 : 0);
        _other.Settle(ref verdict.Takes[0], verdict.Admitted ? -Rate.Token : 0);
        Pass(3_000_000);
        return left;
    }

    private void PassUntil(long sinceStart) => Pass(1_000_000_000 + sinceStart - _world.Now);

    private void Pass(long micros)
    {
        for (var end = _world.Now + micros; _world.Now < end;)
        {
            _world.RunUntil(Math.Min(end, _world.Now + 50_000));
            _node.Sweep();
            _other.Sweep();
        }
    }
}
