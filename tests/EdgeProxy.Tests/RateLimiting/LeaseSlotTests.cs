using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.RateLimiting.Simulation;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

public sealed class LeaseSlotTests
{
    private const int Print = 7;

    private LeaseSlot _slot = new() { High = 1, Low = 2, Print = Print, Expires = 1000, Word = 10 * Rate.Token };

    [Fact]
    public void A_lease_is_spent_until_it_is_empty_or_has_run_out()
    {
        Assert.True(Spend(6, now: 999));
        Assert.False(Spend(5, now: 999));
        Assert.False(Spend(1, now: 1000));
        Assert.True(Spend(4, now: 0));
    }

    [Fact]
    public void A_lease_under_other_limits_or_of_another_bucket_is_not_spent()
    {
        Assert.False(LeaseSlot.TrySpend(ref _slot, 1, 2, Print + 1, Rate.Token, 0, out _));
        Assert.False(LeaseSlot.TrySpend(ref _slot, 1, 3, Print, Rate.Token, 0, out _));
        LeaseSlot.Reset(ref _slot, 1, 2, LeaseTable.None);
        Assert.False(Spend(1, now: 0));
    }

    [Fact]
    public void What_was_spent_is_given_back_only_until_the_store_is_told()
    {
        Assert.True(LeaseSlot.TrySpend(ref _slot, 1, 2, Print, 3 * Rate.Token, 0, out var word));
        Assert.True(LeaseSlot.TryGiveBack(ref _slot, LeaseSlot.GenerationOf(word), Rate.Token));
        Assert.Equal((8 * Rate.Token, 0), LeaseSlot.Close(ref _slot, long.MaxValue, now: 0));
        Assert.False(LeaseSlot.TryGiveBack(ref _slot, LeaseSlot.GenerationOf(word), Rate.Token));
        Assert.Equal((5 * Rate.Token, 3 * Rate.Token), LeaseSlot.Close(ref _slot, keep: 5 * Rate.Token, now: 0));
        Assert.Equal((0, 0), LeaseSlot.Close(ref _slot, long.MaxValue, now: 1000));
    }

    [Fact]
    public void Many_threads_together_spend_no_more_than_the_lease()
    {
        var slot = new LeaseSlot[1];
        slot[0] = _slot with { Word = 1000 * Rate.Token };
        var spent = 0;
        Parallel.For(0, 4000, _ =>
        {
            if (LeaseSlot.TrySpend(ref slot[0], 1, 2, Print, Rate.Token, 0, out var _))
            {
                Interlocked.Increment(ref spent);
            }
        });

        Assert.Equal(1000, spent);
    }

    [Fact]
    public void Spending_from_a_lease_makes_no_object()
    {
        var world = new SimulatedWorld();
        var policy = Limits.Policy(Limits.Of(1_000_000, 1_000_000, 1));
        var link = new SimulatedStore(world, LeaseOptions.Default).LinkOf(0, 1);
        var store = new LeasedBucketStore(
            new LeaseNode(LeaseOptions.Default, most: 64, stripes: 1), link, link, null!, new MemoryBucketStore(world.Time),
            world.Time, waiter => waiter.GoOn());
        var verdict = Limits.Verdict(Limits.Take(policy, "acme"));
        for (var i = 0; i < 2000; i++)
        {
            verdict.Takes[0].Outcome = TakeOutcome.NotAsked;
            if (!store.TryTake(verdict))
            {
                _ = store.TakeAsync(verdict).AsTask();
            }

            world.RunUntil(world.Now + 1000);
        }

        // The least of several: a round in which the lease is renewed makes the question.
        var least = Enumerable.Range(0, 5).Min(_ =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 50; i++)
            {
                verdict.Takes[0].Outcome = TakeOutcome.NotAsked;
                store.TryTake(verdict);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        });

        Assert.Equal(DecisionSource.Lease, verdict.Takes[0].Source);
        Assert.Equal(0, least);
    }

    private bool Spend(long tokens, long now) => LeaseSlot.TrySpend(ref _slot, 1, 2, Print, tokens * Rate.Token, now, out _);
}
