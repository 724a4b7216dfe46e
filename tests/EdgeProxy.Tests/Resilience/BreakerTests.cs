using EdgeProxy.Resilience;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>The states of a breaker, with time and chance from outside.</summary>
public sealed class BreakerTests
{
    private static readonly OpenTimes Cluster = new(Seconds(5), Seconds(300), Doubles: true, Jitter: 0.2, Seconds(10));
    private static readonly OpenTimes Ejection = new(Seconds(30), Seconds(300), Doubles: false, Jitter: 0.1, Seconds(10));

    /// <summary>What may happen to a breaker, and how long after the last.</summary>
    private static readonly Gen<(int Kind, int Millis)[]> Stories = Gen.ArrayOf(
        from kind in Gen.Choose(0, 5)
        from millis in Gen.Frequency((5, Gen.Choose(0, 150)), (2, Gen.Choose(0, 12_000)), (1, Gen.Choose(0, 400_000)))
        select (kind, millis), 200);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(4, 40)]
    [InlineData(7, 300)]
    [InlineData(500, 300)]
    public void A_cluster_is_left_alone_twice_as_long_each_time(int opens, double seconds)
    {
        Assert.Equal(seconds, Cluster.Of(opens, 0.5).TotalSeconds, 6);
        Assert.Equal(seconds * 0.8, Cluster.Of(opens, 0).TotalSeconds, 6);
        Assert.Equal(seconds * 1.2, Cluster.Of(opens, 1).TotalSeconds, 6);
    }

    [Theory]
    [InlineData(1, 30)]
    [InlineData(3, 90)]
    [InlineData(20, 300)]
    public void A_destination_is_left_out_as_many_times_as_long_as_it_was_left_out(int opens, double seconds)
    {
        Assert.Equal(seconds, Ejection.Of(opens, 0.5).TotalSeconds, 6);
        Assert.Equal(seconds * 1.1, Ejection.Of(opens, 1).TotalSeconds, 6);
    }

    [Fact]
    public void Three_probes_one_after_the_other_bring_it_to_recovery_and_ten_seconds_to_rest()
    {
        var breaker = HalfOpenAt(Seconds(5));
        var now = Seconds(5);
        for (var probe = 0; probe < Breaker.ProbesNeeded; probe++, now += Breaker.BetweenProbes)
        {
            Assert.True(TryProbe(breaker, now, canWait: false));
            Assert.False(TryProbe(breaker, now + Seconds(4.9), canWait: false));
            Assert.Equal(probe == 2, breaker.EndProbe(Verdict.Success, now));
            Assert.False(TryProbe(breaker, now + Breaker.BetweenProbes - TimeSpan.FromTicks(1), canWait: false));
        }

        var began = now - Breaker.BetweenProbes;
        Assert.Equal(0.1, breaker.Share(began), 6);
        Assert.Equal(0.55, breaker.Share(began + Seconds(5)), 6);
        Assert.False(breaker.Advance(began + Seconds(9.9)));
        Assert.True(breaker.Advance(began + Seconds(10)));
        Assert.Equal((BreakerState.Closed, 1.0), (breaker.State, breaker.Share(began + Seconds(10))));
    }

    [Fact]
    public void A_probe_without_a_verdict_makes_room_for_another_and_counts_for_nothing()
    {
        var breaker = HalfOpenAt(Seconds(5));
        for (var i = 0; i < 10; i++)
        {
            Assert.True(TryProbe(breaker, Seconds(5 + i), canWait: false));
            Assert.False(breaker.EndProbe(Verdict.None, Seconds(5 + i)));
        }

        Assert.Equal(BreakerState.HalfOpen, breaker.State);
    }

    [Fact]
    public void A_probe_that_lasts_keeps_others_out_for_five_seconds_and_no_longer()
    {
        var breaker = HalfOpenAt(Seconds(5));
        for (var probe = 0; probe < Breaker.ProbesNeeded; probe++)
        {
            Assert.True(TryProbe(breaker, Seconds(5 + (5 * probe)), canWait: false));
            Assert.False(TryProbe(breaker, Seconds(9.9 + (5 * probe)), canWait: false));
        }

        Assert.False(breaker.EndProbe(Verdict.Success, Seconds(20)));
        Assert.False(breaker.EndProbe(Verdict.Success, Seconds(20)));
        Assert.True(breaker.EndProbe(Verdict.Success, Seconds(20)));
    }

    [Fact]
    public void A_request_that_had_better_go_elsewhere_is_the_probe_when_no_other_has_come_for_a_second()
    {
        var breaker = HalfOpenAt(Seconds(5));
        Assert.False(TryProbe(breaker, Seconds(5.9), canWait: true));
        Assert.True(TryProbe(breaker, Seconds(6), canWait: true));
    }

    [Fact]
    public void Having_stayed_closed_for_ten_times_its_first_length_it_begins_anew()
    {
        var breaker = new Breaker(Cluster);
        breaker.Trip(Seconds(100), 0.5);
        Recover(breaker, Seconds(105));
        breaker.Trip(Seconds(105 + 11 + 49), 0.5);
        Assert.Equal((2, 10), (breaker.Opens, breaker.Remaining(Seconds(165)).TotalSeconds));
        Recover(breaker, Seconds(175));
        breaker.Trip(Seconds(175 + 11 + 50), 0.5);
        Assert.Equal(1, breaker.Opens);
    }

    [Fact]
    public void Whatever_happens_there_is_one_probe_at_a_time_and_none_but_half_open() =>
        Prop.ForAll(Stories.ToArbitrary(), story =>
        {
            var breaker = new Breaker(Cluster);
            var now = TimeSpan.Zero;
            TimeSpan? lastProbe = null;
            var probing = false;
            foreach (var (kind, millis) in story)
            {
                now += TimeSpan.FromMilliseconds(millis);
                var before = breaker.State;
                switch (kind)
                {
                    case 0 when before is BreakerState.Closed or BreakerState.Recovering or BreakerState.HalfOpen:
                        breaker.Trip(now, 0.5);
                        probing = false;
                        Assert.InRange(breaker.Remaining(now), Seconds(5), Seconds(300));
                        break;
                    case 1:
                        var stepped = breaker.Advance(now);
                        Assert.Equal(stepped, (before, breaker.State) is (BreakerState.Open, BreakerState.HalfOpen)
                            or (BreakerState.Recovering, BreakerState.Closed));
                        break;
                    case 2 or 3:
                        var isProbe = TryProbe(breaker, now, canWait: false);
                        var isAlone = !probing || now - lastProbe >= Breaker.LongestProbe;
                        Assert.False(isProbe && (!isAlone || before != BreakerState.HalfOpen || now - lastProbe < Breaker.BetweenProbes));
                        lastProbe = isProbe ? now : lastProbe;
                        probing |= isProbe;
                        break;
                    case 4 or 5 when probing:
                        breaker.EndProbe(kind == 4 ? Verdict.Success : Verdict.None, now);
                        probing = false;
                        break;
                }

                Assert.Equal(probing && now - lastProbe < Breaker.LongestProbe, breaker.IsProbing(now));
                Assert.InRange(breaker.Share(now), 0.1, 1);
            }
        }).QuickCheckThrowOnFailure();

    private static Breaker HalfOpenAt(TimeSpan now)
    {
        var breaker = new Breaker(Cluster);
        breaker.Trip(now - Seconds(5), 0.5);
        Assert.False(breaker.Advance(now - TimeSpan.FromTicks(1)));
        Assert.True(breaker.Advance(now));
        Assert.Equal(BreakerState.HalfOpen, breaker.State);
        return breaker;
    }

    /// <summary>Opens no more: half-open at <paramref name="now"/>, closed eleven seconds later.</summary>
    private static void Recover(Breaker breaker, TimeSpan now)
    {
        Assert.True(breaker.Advance(now));
        for (var probe = 0; probe < Breaker.ProbesNeeded; probe++)
        {
            Assert.True(TryProbe(breaker, now + Seconds(probe * 0.5), canWait: false));
            breaker.EndProbe(Verdict.Success, now + Seconds(probe * 0.5));
        }

        Assert.True(breaker.Advance(now + Seconds(11)));
    }

    private static bool TryProbe(Breaker breaker, TimeSpan now, bool canWait)
    {
        var may = breaker.MayProbe(now, canWait);
        if (may)
        {
            breaker.BeginProbe(now);
        }

        return may;
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
