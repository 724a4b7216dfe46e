using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>Requests that cost more than one token.</summary>
public sealed class CostTests
{
    private readonly ManualTime _time = new();
    private readonly MemoryBucketStore _store;

    public CostTests() => _store = new MemoryBucketStore(_time);

    [Fact]
    public void A_request_takes_its_cost_from_each_limit_or_nothing()
    {
        var policy = Limits.Policy(Limits.Of(12, 1, 1), Limits.Of(100, 1, 3600, "hour"));

        Assert.Equal(7, _store.Ask(5, "acme", policy).Left());
        Assert.Equal(2, _store.Ask(5, "acme", policy).Left());
        var refused = _store.Ask(5, "acme", policy);
        Assert.Equal(["sec"], refused.Violated);
        Assert.Equal(3_000_000, refused.RetryAfterMicros);
        Assert.Equal(90, refused.Left(limit: 1));
        Assert.Equal(0, _store.Ask(2, "acme", policy).Left());
    }

    [Fact]
    public void What_was_taken_before_another_policy_refused_is_given_back_whole()
    {
        var wide = Limits.Policy(Limits.Of(10, 1, 3600));
        var narrow = wide with { Name = "narrow", Limits = [Limits.Of(5, 1, 3600, "one")] };

        Assert.True(_store.Ask(4, "acme", wide, narrow).Admitted);
        Assert.Equal(TakeOutcome.GivenBack, _store.Ask(4, "acme", wide, narrow).Takes[0].Outcome);
        Assert.Equal(5, _store.Ask("acme", wide).Left());
    }

    [Fact]
    public void A_cost_above_the_capacity_is_refused_for_good_and_asks_no_store()
    {
        var policy = Limits.Policy(Limits.Of(10, 1, 1), Limits.Of(4, 4, 86400, "day"));
        var verdict = Limits.Verdict(5, [Limits.Take(policy, "acme")]);

        Assert.True(verdict.RefuseWhatCanNeverBe());
        Assert.Equal(TakeOutcome.Refused, verdict.Outcome);
        Assert.Null(verdict.RetryAfterMicros);
        Assert.Equal(["day"], verdict.Violated);
        Assert.False(verdict.Takes[0].HasLevels);
        Assert.Equal(9, _store.Ask("acme", policy).Left());
    }

    [Fact]
    public void In_shadow_a_cost_above_the_capacity_refuses_nobody()
    {
        var shadow = Limits.Policy(Limits.Of(4, 1, 1)) with { Mode = RateLimitMode.Shadow };
        var verdict = _store.Ask(5, "acme", shadow);

        Assert.True(verdict.Admitted);
        Assert.Equal(TakeOutcome.Refused, verdict.Takes[0].Outcome);
    }

    [Fact]
    public void What_an_answer_cost_beyond_its_price_may_take_a_bucket_to_minus_its_capacity_and_no_further()
    {
        var policy = Limits.Policy(Limits.Of(10, 1, 1));
        ref var take = ref _store.Ask("acme", policy).Takes[0];

        _store.Charge(ref take, 12 * Rate.Token, nodes: 1);
        Assert.Equal(-3 * Rate.Token, take.Levels[0]);
        _store.Charge(ref take, 9_000_000_000 * Rate.Token, nodes: 1);
        Assert.Equal(-10 * Rate.Token, take.Levels[0]);
        _time.Micros += 10_999_999;
        Assert.Equal(1, _store.Ask("acme", policy).RetryAfterMicros);
        _time.Micros += 1;
        Assert.True(_store.Ask("acme", policy).Admitted);
    }

    [Fact]
    public void What_is_given_back_never_makes_a_bucket_more_than_full()
    {
        var policy = Limits.Policy(Limits.Of(10, 1, 1));
        ref var take = ref _store.Ask(5, "acme", policy).Takes[0];

        _store.Charge(ref take, -4 * Rate.Token, nodes: 1);
        Assert.Equal(9 * Rate.Token, take.Levels[0]);
        _store.Charge(ref take, -100 * Rate.Token, nodes: 1);
        Assert.Equal(10 * Rate.Token, take.Levels[0]);
    }

    [Theory]
    [InlineData("0", 0L)]
    [InlineData("7", 7L)]
    [InlineData("9000000000", 9_000_000_000)]
    [InlineData("9000000001", null)]
    [InlineData("99999999999999999999", null)]
    [InlineData("-1", null)]
    [InlineData("+1", null)]
    [InlineData("1.5", null)]
    [InlineData(" 1", null)]
    [InlineData("1,1", null)]
    [InlineData("\u0661", null)]
    [InlineData("", null)]
    public void A_cost_is_a_whole_number_in_digits(string text, long? expected) =>
        Assert.Equal(expected, CostSettlement.TryRead(text, out var tokens) ? tokens : null);

    [Fact]
    public void A_cost_said_twice_is_none() =>
        Assert.False(CostSettlement.TryRead(new Microsoft.Extensions.Primitives.StringValues(["1", "1"]), out _));

    [Theory]
    [InlineData("20", 20, false)]
    [InlineData("21", 50, true)]
    [InlineData("19", 19, false)]
    [InlineData("20", 19, true)]
    public void A_cost_that_a_limit_never_holds_is_a_warning(string cost, int plan, bool warned)
    {
        var read = Configurations.Read(Configurations.Document(
            $$""" "RateLimiterPolicy": "p", "Cost": {{cost}} """,
            sections: $$"""
              "RateLimits": { "p": {
                "Limits": [ { "Name": "s", "Capacity": 20, "Refill": 1, "Every": "1s" } ],
                "Plans": { "small": { "Limits": [ { "Name": "s", "Capacity": {{plan}}, "Refill": 1, "Every": "1s" } ] } } } },
              """));

        Assert.NotNull(read.Revision);
        Assert.Equal(warned ? ["unmet_cost"] : [], read.Faults.Select(fault => fault.Code));
        Assert.Equal(long.Parse(cost) * Rate.Token, read.Revision.Routes["r"].Cost);
    }
}
