using EdgeProxy.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>The shared store has answered before and does not in time: what a node does that knows nothing of the bucket.</summary>
public sealed class LateStoreTests
{
    private const int Nodes = 3;

    private readonly ManualTime _time = new();
    private readonly MemoryBucketStore _store;
    private readonly RateLimitPolicy _wide = Limits.Policy(Limits.Of(1000, 1000, 1));
    private readonly RateLimitPolicy _narrow = Limits.Policy(Limits.Of(20, 10, 1));

    public LateStoreTests() => _store = new MemoryBucketStore(_time);

    [Fact]
    public void A_new_node_admits_its_share_of_a_tenth_of_a_second_and_a_second_later_what_came_in_since()
    {
        Assert.Equal(33, Admitted("acme", _wide, hadStore: true));
        _time.Micros += 500_000;
        Assert.Equal(0, Admitted("acme", _wide, hadStore: true));
        _time.Micros += 560_000;
        Assert.Equal(20, Admitted("acme", _wide, hadStore: true));
    }

    [Fact]
    public void What_the_store_says_then_holds_at_once()
    {
        Assert.Equal(33, Admitted("acme", _wide, hadStore: true));
        var take = Limits.Take(_wide, "acme");
        take.Levels[0] = 30 * Rate.Token;
        _store.Learn(take, Nodes, toldAt: long.MaxValue);

        Assert.Equal(10, Admitted("acme", _wide, hadStore: true));
        _time.Micros += 60_000;
        Assert.Equal(20, Admitted("acme", _wide, hadStore: true));
    }

    [Fact]
    public void One_request_goes_through_whatever_the_limit_is()
    {
        Assert.Equal(1, Admitted("acme", _narrow, hadStore: true));
        Assert.Equal(1, Admitted("dear", _narrow, hadStore: true, cost: 6));
    }

    [Fact]
    public void What_the_node_knows_of_a_bucket_stands()
    {
        var take = Limits.Take(_wide, "acme");
        take.Levels[0] = 300 * Rate.Token;
        _store.Learn(take, Nodes, toldAt: long.MaxValue);

        Assert.Equal(100, Admitted("acme", _wide, hadStore: true));
    }

    [Fact]
    public void What_it_has_admitted_since_the_store_was_asked_is_not_given_back_by_what_that_said()
    {
        var take = Limits.Take(_wide, "acme");
        take.Levels[0] = 300 * Rate.Token;
        var toldAt = _time.Micros - 1000;
        var admitted = Enumerable.Range(0, 5).Sum(_ =>
        {
            _store.Learn(take, Nodes, toldAt, standsStill: LeaseTerms.Unsure);
            return Admitted("acme", _wide, hadStore: true);
        });

        Assert.Equal(100, admitted);
        _time.Micros += LeaseTerms.Unsure + 30_000;
        Assert.Equal(10, Admitted("acme", _wide, hadStore: true));
    }

    [Theory, InlineData(1), InlineData(2)]
    public void A_full_bucket_of_fewer_tokens_than_nodes_has_one_for_each(int capacity)
    {
        var policy = Limits.Policy(Limits.Of(capacity, 1, 60));
        var take = Limits.Take(policy, "acme");
        take.Levels[0] = capacity * Rate.Token;
        _store.Learn(take, Nodes, toldAt: long.MaxValue);

        Assert.Equal(1, Admitted("acme", policy, hadStore: true));
    }

    [Fact]
    public void A_node_that_never_heard_of_the_store_has_its_share_and_so_has_one_that_is_not_new()
    {
        Assert.Equal(333, Admitted("acme", _wide, hadStore: false));
        _time.Micros += MemoryBucketStore.NewFor;

        Assert.Equal(333, Admitted("other", _wide, hadStore: true));
    }

    [Fact]
    public void A_node_that_is_alone_has_no_others_to_think_of()
    {
        Assert.Equal(20, Admitted("acme", _narrow, hadStore: true, nodes: 1));
    }

    private int Admitted(string client, RateLimitPolicy policy, bool hadStore, int cost = 1, int nodes = Nodes) =>
        Enumerable.Range(0, 1000).Count(_ =>
        {
            var verdict = Limits.Verdict(cost, [Limits.Take(policy, client)]);
            StoreOutage.DecideAll(verdict, _store, nodes, hadStore);
            return verdict.Admitted;
        });
}
