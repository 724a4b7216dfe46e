using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.RateLimiting.Simulation;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>In an outage of the store more buckets are spent from than a node keeps debts of.</summary>
public sealed class ManyDebtorsTests
{
    private const int Capacity = 1000;

    private readonly SimulatedWorld _world = new();
    private readonly RateLimitPolicy _policy = Limits.Policy(Limits.Of(Capacity, 1, 3600));
    private readonly LeasedBucketStore _node;

    public ManyDebtorsTests()
    {
        var store = new SimulatedStore(_world, LeaseOptions.Default)
        {
            Pause = (_world.Now + 1_000_000, long.MaxValue),
        };
        var (link, most) = (store.LinkOf(0, 1), 2 * LeaseTerms.MostDebtors);
        var local = new MemoryBucketStore(_world.Time, most, stripes: 1);
        _node = new LeasedBucketStore(
            new LeaseNode(LeaseOptions.Default, most, stripes: 1), link, link, local, local, _world.Time, waiter => waiter.GoOn());
    }

    [Fact]
    public void One_beyond_the_bound_goes_on_from_what_it_has_left_and_does_not_begin_anew_with_each_request()
    {
        var admitted = Ask("late").Admitted ? 1 : 0; // the store has said what is left
        _world.RunUntil(_world.Now + 2_000_000);
        Ask("early");
        _world.RunUntil(_world.Now + 6000); // the probe has been in vain as well: the node has given up asking
        for (var i = 0; i < LeaseTerms.MostDebtors; i++)
        {
            Assert.True(_node.TryTake(Of($"{i}")));
        }

        var last = Of("late");
        for (var i = 0; i < 2 * Capacity; i++)
        {
            last = Of("late");
            Assert.True(_node.TryTake(last));
            admitted += last.Admitted ? 1 : 0;
        }

        Assert.Equal((Capacity, DecisionSource.Local), (admitted, last.Takes[0].Source));
        Assert.False(_node.Settle(ref last.Takes[0], Rate.Token)); // it owes nothing that is kept
    }

    private RateLimitVerdict Ask(string client)
    {
        var verdict = Of(client);
        Assert.False(_node.TryTake(verdict));
        var asked = _node.TakeAsync(verdict);
        _world.RunUntil(_world.Now + 6000);
        Assert.True(asked.IsCompletedSuccessfully);
        return verdict;
    }

    private RateLimitVerdict Of(string client) => Limits.Verdict(Limits.Take(_policy, client));
}
