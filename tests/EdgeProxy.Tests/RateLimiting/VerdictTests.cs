using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>What several policies of one route come to, and the small print of buckets.</summary>
public sealed class VerdictTests
{
    private readonly ManualTime _time = new();
    private readonly MemoryBucketStore _store;

    public VerdictTests() => _store = new MemoryBucketStore(_time);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_store_that_cannot_be_asked_weighs_more_than_a_refusal_whatever_the_order(bool refusedFirst)
    {
        TakeOutcome[] outcomes = [TakeOutcome.Unavailable, TakeOutcome.Refused];
        var policy = Limits.Policy(Limits.Of(3, 1, 1));
        var verdict = Limits.Verdict(Limits.Take(policy, "acme"), Limits.Take(policy with { Name = "other" }, "acme"));
        verdict.Takes[0].Outcome = outcomes[refusedFirst ? 1 : 0];
        verdict.Takes[1].Outcome = outcomes[refusedFirst ? 0 : 1];

        verdict.Decide();

        Assert.Equal(TakeOutcome.Unavailable, verdict.Outcome);
    }

    [Fact]
    public void A_policy_in_shadow_leaves_a_cost_above_its_capacity_to_the_store()
    {
        var shadow = Limits.Policy(Limits.Of(3, 1, 1)) with { Mode = RateLimitMode.Shadow };
        var verdict = Limits.Verdict(5, [Limits.Take(shadow, "acme")]);

        Assert.False(verdict.RefuseWhatCanNeverBe());
        Assert.False(verdict.IsDecided);
    }

    [Theory]
    [InlineData(86_400, 1)]
    [InlineData(1, 86_400)]
    public void A_refusal_by_a_limit_of_a_day_is_a_quota_whichever_limit_comes_first(int first, int second)
    {
        var policy = Limits.Policy(Limits.Of(1, 1, first, "one"), Limits.Of(1, 1, second, "two"));

        Assert.True(_store.Ask("acme", policy).Admitted);
        var refused = _store.Ask("acme", policy);

        Assert.Equal(["one", "two"], refused.Violated);
        Assert.True(refused.IsQuota);
    }

    [Fact]
    public void Whole_seconds_to_wait_are_rounded_up()
    {
        Assert.Equal(11, LimitSet.CeilingSeconds(10_900_000));
        Assert.Equal(11, LimitSet.CeilingSeconds(10_000_001));
        Assert.Equal(10, LimitSet.CeilingSeconds(10_000_000));
    }

    [Fact]
    public void A_field_s_value_and_a_client_of_the_same_name_have_buckets_of_their_own_and_values_keep_their_case()
    {
        var policy = Limits.Policy(Limits.Of(3, 1, 1)) with { Per = RateLimitKey.Header, Header = "X-Tenant" };
        string[] digests =
        [
            new BucketName(policy, BucketName.OfField, "ACME").Digest(),
            new BucketName(policy, BucketName.OfField, "acme").Digest(),
            new BucketName(policy, BucketName.Known, "acme").Digest(),
            new BucketName(policy, BucketName.Anonymous, "acme").Digest(),
            new BucketName(policy, BucketName.OfRoute, "acme").Digest(),
        ];

        Assert.Equal(digests.Length, digests.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(digests[2], BucketName.Of(policy, new Client("ACME", "gold", IsAnonymous: false)).Digest());
    }

    [Fact]
    public void A_policy_in_shadow_that_is_closed_without_its_store_has_no_say_in_an_outage()
    {
        var shadow = Limits.Policy(Limits.Of(3, 1, 3600)) with
        {
            Name = "shadow",
            Mode = RateLimitMode.Shadow,
            OnStoreOutage = StoreOutagePolicy.Closed,
        };
        var enforced = Limits.Policy(Limits.Of(3, 1, 3600)) with { OnStoreOutage = StoreOutagePolicy.Local };
        var admitted = 0;
        for (var i = 0; i < 5; i++)
        {
            var verdict = Limits.Verdict(Limits.Take(shadow, "acme"), Limits.Take(enforced, "acme"));
            StoreOutage.DecideAll(verdict, _store, nodes: 1, hadStore: false);
            admitted += verdict.Admitted ? 1 : 0;
        }

        Assert.Equal(3, admitted);
    }

    [Fact]
    public void A_clock_that_is_put_back_far_is_followed_and_buckets_go_on_refilling()
    {
        var policy = Limits.Policy(Limits.Of(2, 1, 1));
        _time.Micros = 10_000_000;
        Assert.True(_store.Ask("acme", policy).Admitted);

        _time.Micros = 1_000_000;
        Assert.Equal(0, _store.Ask("acme", policy).Left());
        _time.Micros += 1_000_000;

        Assert.True(_store.Ask("acme", policy).Admitted);
    }

    [Fact]
    public void A_debt_outlives_a_limit_that_has_become_smaller()
    {
        var wide = Limits.Policy(Limits.Of(10, 1, 3600));
        ref var take = ref _store.Ask("acme", wide).Takes[0];
        _store.Charge(ref take, 14 * Rate.Token, nodes: 1);
        Assert.Equal(-5 * Rate.Token, take.Levels[0]);

        var narrow = wide with { Limits = [Limits.Of(2, 1, 3600)] };
        var debtor = Limits.Take(narrow, "acme");
        _store.Charge(ref debtor, Rate.Token, nodes: 1);

        Assert.Equal(-5 * Rate.Token, debtor.Levels[0]);
    }
}
