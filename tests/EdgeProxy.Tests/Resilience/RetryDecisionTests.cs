using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What must hold for every end of an attempt, whatever the route says.</summary>
public sealed class RetryDecisionTests
{
    private static readonly Gen<RetryQuestion> Questions =
        from kind in Gen.Elements(RetryClass.Final, RetryClass.NotProcessed, RetryClass.Unknown)
        from switches in Gen.ArrayOf(Gen.Elements(true, false), 4)
        from made in Gen.Choose(1, 6)
        from asked in Gen.Choose(-500, 5000)
        from left in Gen.Choose(-100, 3000)
        from chance in Gen.Choose(0, 999)
        from bounds in Gen.Choose(0, 3)
        select new RetryQuestion
        {
            Class = kind,
            IsIdempotent = switches[0],
            CanSendBody = switches[1],
            HasOther = switches[2],
            Made = made,
            Asked = (bounds & 1) == 0 ? null : TimeSpan.FromMilliseconds(asked),
            Left = (bounds & 2) == 0 ? null : TimeSpan.FromMilliseconds(left),
            Chance = chance / 1000.0,
        };

    private static readonly RetrySettings Settings = new() { Attempts = 4 };

    private static void Holds(Func<RetryQuestion, RetryDecision, bool> rule) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(5000),
        Prop.ForAll(Questions.ToArbitrary(), question => rule(question, RetryDecision.Of(Settings, question))));

    [Fact]
    public void What_may_have_been_processed_is_never_sent_again_unless_it_is_idempotent() =>
        Holds((q, d) => d.Wait is null || q.Class == RetryClass.NotProcessed || (q.Class == RetryClass.Unknown && q.IsIdempotent));

    [Fact]
    public void What_stands_is_neither_sent_again_nor_counted_as_skipped() =>
        Holds((q, d) => q.Class != RetryClass.Final || d == default);

    [Fact]
    public void A_failure_is_either_tried_again_or_skipped_for_one_known_reason() => Holds((q, d) =>
        q.Class == RetryClass.Final || (d.Wait is null) == (d.Skipped is not null && RetrySkips.All.Contains(d.Skipped)));

    [Fact]
    public void A_body_that_is_not_at_hand_and_attempts_that_are_used_up_end_it() =>
        Holds((q, d) => d.Wait is null || (q.CanSendBody && q.Made < Settings.Attempts));

    [Fact]
    public void An_attempt_that_does_not_fit_is_not_begun() =>
        Holds((q, d) => d.Wait is not { } wait || q.Left is not { } left || wait + RetryDecision.Least <= left);

    [Fact]
    public void A_wait_is_what_was_asked_for_and_up_to_a_quarter_more_or_within_the_bound_of_that_attempt() => Holds((q, d) =>
        d.Wait is not { } wait
        || (q.Asked is { } asked
            ? wait >= asked && wait <= asked * 1.25 && asked >= TimeSpan.Zero && asked <= RetryDecision.AskedMax
            : wait >= TimeSpan.Zero && wait <= Settings.BackoffMax && wait <= Settings.BackoffBase * Math.Pow(2, q.Made - 1)));

    [Fact]
    public void Only_another_destination_is_tried_at_once() => Holds((q, d) =>
        d.Wait is not { } wait || wait > TimeSpan.Zero || q.Chance == 0 || q.Asked == TimeSpan.Zero
        || q is { Class: RetryClass.NotProcessed, HasOther: true, Made: 1 });

    [Theory]
    [InlineData(20, 1, 20 * 60, 0.2, 3)]
    [InlineData(500, 3, 500 * 30, 0.2, 3)]
    [InlineData(100, 2, 100 * 30, 0, 5)]
    [InlineData(100, 2, 100 * 30, 0.5, 0)]
    [InlineData(1, 2, 300, 0, 0)]
    public void However_often_it_is_asked_a_budget_gives_no_more_than_its_share_and_its_reserve(
        int perSecond, int asksEach, int requests, double ratio, double reserve)
    {
        var budget = new RetryBudget(new RetryBudgetSettings(ratio, reserve));
        var given = 0;
        var now = TimeSpan.FromHours(1);
        for (var i = 0; i < requests; i++, now += TimeSpan.FromSeconds(1.0 / perSecond))
        {
            budget.Deposit(now);
            for (var ask = 0; ask < asksEach; ask++)
            {
                given += budget.TryWithdraw(now) ? 1 : 0;
            }
        }

        var seconds = (double)requests / perSecond;
        Assert.InRange(given, 0, (ratio * requests) + (reserve * (seconds + 1)) + 1e-6);
        Assert.True(given >= Math.Floor(Math.Min(asksEach, ratio) * requests * 0.9), $"only {given} of {requests}");
    }

    [Fact]
    public void What_was_earned_is_lost_after_ten_seconds()
    {
        var budget = new RetryBudget(new RetryBudgetSettings(0.5, 0));
        for (var i = 0; i < 100; i++)
        {
            budget.Deposit(TimeSpan.FromSeconds(5));
        }

        Assert.True(budget.TryWithdraw(TimeSpan.FromSeconds(14)));
        Assert.False(budget.TryWithdraw(TimeSpan.FromSeconds(16)));
    }

    [Theory]
    [InlineData(0.2, 1)]
    [InlineData(0, 3)]
    [InlineData(0.5, 0)]
    [InlineData(0.5, 0.1)]
    public void What_led_to_no_attempt_can_be_taken_again_and_is_not_more_than_there_was(double ratio, double reserve)
    {
        var budget = new RetryBudget(new RetryBudgetSettings(ratio, reserve));
        var now = TimeSpan.FromSeconds(5);
        budget.Deposit(now);
        budget.Deposit(now);
        var all = TakeAll(budget, now);
        Assert.Equal(Math.Floor(ratio * 2) + (reserve > 0 ? Math.Max(1, reserve) : 0), all);

        for (var i = 0; i <= all; i++)
        {
            budget.Return(); // the last one was not taken
        }

        Assert.Equal(all, TakeAll(budget, now));
        now += TimeSpan.FromSeconds(20); // the reserve is full by then, and the requests are forgotten
        budget.Return();
        Assert.Equal(Math.Floor(reserve > 0 ? Math.Max(1, reserve) : 0), TakeAll(budget, now));
    }

    private static int TakeAll(RetryBudget budget, TimeSpan now)
    {
        var taken = 0;
        while (budget.TryWithdraw(now))
        {
            taken++;
        }

        return taken;
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 0 }, true)]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 7, 7 }, true)]
    [InlineData(new byte[] { 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0 }, false)]
    [InlineData(new byte[] { 0, 0, 0 }, false)]
    [InlineData(new byte[] { }, false)]
    public void A_stream_of_gRPC_messages_is_told_from_one(byte[] bytes, bool one) => Assert.Equal(one, ReplayBody.IsOneMessage(bytes));
}
