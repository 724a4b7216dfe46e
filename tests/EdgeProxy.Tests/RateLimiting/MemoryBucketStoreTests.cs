using EdgeProxy.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

public sealed class MemoryBucketStoreTests
{
    private readonly ManualTime _time = new();
    private readonly MemoryBucketStore _store;

    public MemoryBucketStoreTests() => _store = new MemoryBucketStore(_time);

    [Fact]
    public void A_client_has_its_burst_and_then_the_rate()
    {
        var policy = Limits.Policy(Limits.Of(20, 10, 1));

        Assert.Equal(20, _store.AdmittedOf(50, "acme", policy));
        _time.Micros += 500_000;
        Assert.Equal(5, _store.AdmittedOf(50, "acme", policy));
        Assert.Equal(20, _store.AdmittedOf(50, "other", policy));
    }

    [Fact]
    public void All_limits_of_a_policy_are_charged_or_none()
    {
        var policy = Limits.Policy(Limits.Of(2, 1, 1), Limits.Of(3, 3, 86400, "day"));

        Assert.Equal(2, _store.AdmittedOf(10, "acme", policy));
        _time.Micros += 1_000_000;
        var third = _store.Ask("acme", policy);
        Assert.True(third.Admitted);
        Assert.Equal(0, third.Left(limit: 1));
        _time.Micros += 10_000_000;

        var refused = _store.Ask("acme", policy);
        Assert.Equal(["day"], refused.Violated);
        Assert.True(refused.IsQuota);
        Assert.Equal(2, refused.Left());
    }

    [Fact]
    public void When_a_policy_refuses_the_others_are_not_charged()
    {
        var wide = Limits.Policy(Limits.Of(10, 1, 3600));
        var narrow = wide with { Name = "narrow", Limits = [Limits.Of(1, 1, 3600, "one")] };

        Assert.True(_store.Ask("acme", wide, narrow).Admitted);
        for (var i = 0; i < 5; i++)
        {
            var refused = _store.Ask("acme", wide, narrow);
            Assert.Equal(TakeOutcome.GivenBack, refused.Takes[0].Outcome);
            Assert.Equal(["one"], refused.Violated);
        }

        Assert.Equal(9, _store.AdmittedOf(20, "acme", wide));
    }

    [Fact]
    public void A_policy_in_shadow_counts_apart_and_never_refuses()
    {
        var policy = Limits.Policy(Limits.Of(3, 1, 3600));
        var shadow = policy with { Mode = RateLimitMode.Shadow };

        for (var i = 0; i < 5; i++)
        {
            var verdict = _store.Ask("acme", shadow);
            Assert.True(verdict.Admitted);
            Assert.Equal(i < 3 ? TakeOutcome.Admitted : TakeOutcome.Refused, verdict.Takes[0].Outcome);
        }

        Assert.Equal(3, _store.AdmittedOf(5, "acme", policy));
    }

    [Fact]
    public void A_larger_capacity_gives_no_tokens_away()
    {
        _store.AdmittedOf(5, "acme", Limits.Policy(Limits.Of(5, 1, 3600)));
        Assert.Equal(0, _store.AdmittedOf(10, "acme", Limits.Policy(Limits.Of(1000, 1, 3600))));
    }

    [Fact]
    public void A_smaller_capacity_holds_at_once()
    {
        _store.AdmittedOf(1, "acme", Limits.Policy(Limits.Of(1000, 1, 3600)));
        Assert.Equal(4, _store.AdmittedOf(10, "acme", Limits.Policy(Limits.Of(4, 1, 3600))));
    }

    [Fact]
    public void Limits_that_change_places_keep_their_own_tokens()
    {
        var minute = Limits.Of(5, 1, 3600, "minute");
        var day = Limits.Of(100, 1, 86400, "day");
        _store.AdmittedOf(5, "acme", Limits.Policy(minute, day));

        var refused = _store.Ask("acme", Limits.Policy(day, Limits.Of(7, 7, 60, "new"), minute));
        Assert.Equal(["minute"], refused.Violated);
        Assert.Equal(95, refused.Left());
        Assert.Equal(7, refused.Left(limit: 1));
    }

    [Fact]
    public void A_clock_put_back_mints_nothing_and_does_not_freeze_a_bucket()
    {
        var policy = Limits.Policy(Limits.Of(10, 10, 1));
        Assert.Equal(10, _store.AdmittedOf(20, "acme", policy));
        for (var i = 0; i < 20; i++)
        {
            _time.Micros += i % 2 == 0 ? -900_000 : 900_000;
            Assert.Equal(0, _store.AdmittedOf(3, "acme", policy));
        }

        _time.Micros -= 3600_000_000;
        Assert.Equal(0, _store.AdmittedOf(3, "acme", policy));
        _time.Micros += 1_000_000;
        Assert.Equal(0, _store.AdmittedOf(3, "acme", policy));
    }

    [Fact]
    public void Clients_whose_buckets_are_full_again_are_forgotten()
    {
        var policy = Limits.Policy(Limits.Of(2, 1, 1));
        for (var i = 0; i < 100_000; i++)
        {
            _time.Micros += 1000;
            _store.Ask($"client-{i}", policy);
        }

        Assert.InRange(_store.Count, 1, 20_000);
    }

    [Fact]
    public void Under_pressure_no_bucket_that_is_not_full_is_forgotten()
    {
        var store = new MemoryBucketStore(_time, most: 64, stripes: 4);
        var policy = Limits.Policy(Limits.Of(5, 1, 3600));
        Assert.Equal(5, store.AdmittedOf(5, "attacker", policy));
        var strangers = Enumerable.Range(0, 10_000).Sum(i => store.AdmittedOf(1, $"stranger-{i}", policy));

        Assert.Equal(0, store.AdmittedOf(5, "attacker", policy));
        Assert.InRange(store.Count, 1, 64 + 4);
        Assert.InRange(strangers, 1, 64 + (4 * 5));
    }

    [Fact]
    public void A_client_that_shared_a_bucket_does_not_get_a_full_one_on_top()
    {
        var store = new MemoryBucketStore(_time, most: 1, stripes: 1);
        var slow = Limits.Policy(Limits.Of(5, 1, 3600));
        var quick = slow with { Name = "quick", Limits = [Limits.Of(1, 1000, 1)] };
        store.Ask("holder", quick);
        Assert.Equal(5, store.AdmittedOf(8, "late", slow));
        _time.Micros += 10_000;

        // The holder's bucket is full and goes; the late one gets its own, as empty as the one it shared.
        Assert.Equal(0, store.AdmittedOf(8, "late", slow));
    }

    [Fact]
    public void The_admitted_path_allocates_nothing_for_a_known_client()
    {
        var policy = Limits.Policy(Limits.Of(1_000_000, 1, 3600));
        var verdict = Limits.Verdict(Limits.Take(policy, "acme"));
        for (var i = 0; i < 1000; i++)
        {
            verdict.Takes[0].Outcome = TakeOutcome.NotAsked;
            _store.TryTake(verdict);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++)
        {
            verdict.Takes[0].Outcome = TakeOutcome.NotAsked;
            _store.TryTake(verdict);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 9_999);
    }

    [Fact]
    public async Task Many_threads_together_get_no_more_than_the_bucket_holds()
    {
        var policy = Limits.Policy(Limits.Of(1000, 1, 3600));
        var admitted = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => _store.AdmittedOf(500, "acme", policy))));

        Assert.Equal(1000, admitted.Sum());
    }

    [Fact]
    public async Task A_bucket_can_be_looked_at_without_spending_and_given_back_full()
    {
        var policy = Limits.Policy(Limits.Of(10, 1, 3600));
        var name = Limits.Take(policy, "acme").Name;
        Assert.Equal(4, _store.AdmittedOf(4, "acme", policy));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(6 * Rate.Token, (await _store.LookAsync(name, policy.Set))!.Levels[0]);
        }

        Assert.Equal(10 * Rate.Token, (await _store.FillAsync(name, policy.Set))!.Levels[0]);
        Assert.Equal(10, _store.AdmittedOf(20, "acme", policy));
    }
}
