using EdgeProxy.Configuration;
using EdgeProxy.Shedding;
using Xunit;

namespace EdgeProxy.Tests.Shedding;

/// <summary>Who is inside, who waits, and that neither count ever runs away.</summary>
public sealed class GateTests
{
    private static Gate Open(int? max, int queue = 0) => new(new ConcurrencySettings { Max = max, Queue = queue });

    private static GateWaiter Queued(Gate gate)
    {
        var waiter = new GateWaiter();
        Assert.True(gate.TryQueue(waiter));
        return waiter;
    }

    private static WaitOutcome? EndOf(GateWaiter waiter) => waiter.Outcome.IsCompleted ? waiter.Outcome.GetAwaiter().GetResult() : null;

    [Fact]
    public void As_many_enter_as_may_and_one_more_when_one_has_left()
    {
        var gate = Open(2);
        Assert.True(gate.TryEnter());
        Assert.True(gate.TryEnter());
        Assert.False(gate.TryEnter());

        gate.Leave();

        Assert.True(gate.TryEnter());
        Assert.Equal(2, gate.Inside);
    }

    [Fact]
    public void Those_who_wait_enter_in_the_order_in_which_they_came_and_nobody_passes_them()
    {
        var gate = Open(1, queue: 2);
        Assert.True(gate.TryEnter());
        var (first, second) = (Queued(gate), Queued(gate));
        Assert.False(gate.TryQueue(new GateWaiter()));

        gate.Leave();

        Assert.Equal((WaitOutcome.Entered, null), (EndOf(first), EndOf(second)));
        Assert.False(gate.TryEnter());
        gate.Leave();
        Assert.Equal(WaitOutcome.Entered, EndOf(second));
        gate.Leave();
        Assert.Equal((0, 0), (gate.Inside, gate.Waiting));
    }

    [Fact]
    public void Who_gives_up_leaves_its_place_to_the_next_and_who_has_entered_cannot()
    {
        var gate = Open(1, queue: 2);
        Assert.True(gate.TryEnter());
        var (first, second) = (Queued(gate), Queued(gate));
        first.StopWaiting(WaitOutcome.TimedOut);
        first.StopWaiting(WaitOutcome.GivenUp);
        var third = Queued(gate);

        gate.Leave();
        second.StopWaiting(WaitOutcome.GivenUp);

        Assert.Equal((WaitOutcome.TimedOut, WaitOutcome.Entered, null), (EndOf(first), EndOf(second), EndOf(third)));
        Assert.Equal((1, 1), (gate.Inside, gate.Waiting));
    }

    [Fact]
    public void Other_bounds_hold_at_once_for_those_who_wait_too_and_turn_nobody_away()
    {
        var gate = Open(1, queue: 3);
        Assert.True(gate.TryEnter());
        var (first, second, third) = (Queued(gate), Queued(gate), Queued(gate));

        gate.Apply(new ConcurrencySettings { Max = 3, Queue = 0 });
        Assert.Equal((WaitOutcome.Entered, WaitOutcome.Entered, null), (EndOf(first), EndOf(second), EndOf(third)));

        gate.Apply(new ConcurrencySettings { Max = 1 });
        gate.Leave();
        gate.Leave();
        Assert.Null(EndOf(third));

        gate.Apply(ConcurrencySettings.None);
        Assert.Equal(WaitOutcome.Entered, EndOf(third));
        Assert.Equal((2, 0), (gate.Inside, gate.Waiting));
    }

    [Fact]
    public void A_waiter_that_does_not_get_what_it_needs_besides_waits_until_it_is_there()
    {
        var gate = Open(null, queue: 1);
        var waiter = new Choosy();
        Assert.False(gate.TryEnter(waiter));
        Assert.Equal(0, gate.Inside);
        Assert.True(gate.TryQueue(waiter));
        gate.AdmitWaiters();
        Assert.Null(EndOf(waiter));

        waiter.IsThere = true;
        gate.AdmitWaiters();

        Assert.Equal(WaitOutcome.Entered, EndOf(waiter));
        Assert.Equal((1, 0), (gate.Inside, gate.Waiting));
    }

    [Fact]
    public void A_waiter_that_fails_takes_no_room_and_fails_nobody_else()
    {
        var gate = Open(1, queue: 2);
        Assert.Throws<InvalidOperationException>(() => gate.TryEnter(new Broken()));
        Assert.True(gate.TryEnter());
        var broken = new Broken();
        Assert.True(gate.TryQueue(broken));
        var next = Queued(gate);

        gate.Leave();

        Assert.True(broken.Outcome.IsFaulted);
        Assert.Equal(WaitOutcome.Entered, EndOf(next));
        Assert.Equal((1, 0), (gate.Inside, gate.Waiting));
    }

    [Fact]
    public async Task Under_a_crowd_there_are_never_too_many_inside_and_nobody_is_forgotten()
    {
        const int Max = 3, Callers = 16, Rounds = 2000;
        var gate = Open(Max, queue: Callers);
        var (inside, most, entered, gaveUp) = (0, 0, 0, 0);

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < Rounds; i++)
            {
                if (!gate.TryEnter())
                {
                    var waiter = new GateWaiter();
                    Assert.True(gate.TryQueue(waiter));
                    if (i % 5 == caller % 5)
                    {
                        waiter.StopWaiting(WaitOutcome.GivenUp);
                    }

                    if (await waiter.Outcome == WaitOutcome.GivenUp)
                    {
                        Interlocked.Increment(ref gaveUp);
                        continue;
                    }
                }

                var now = Interlocked.Increment(ref inside);
                InterlockedMax(ref most, now);
                if (i % 3 == 0)
                {
                    await Task.Yield();
                }

                Interlocked.Decrement(ref inside);
                Interlocked.Increment(ref entered);
                gate.Leave();
            }
        })));

        Assert.InRange(most, 1, Max);
        Assert.Equal(Callers * Rounds, entered + gaveUp);
        Assert.Equal((0, 0), (gate.Inside, gate.Waiting));
    }

    private static void InterlockedMax(ref int most, int now)
    {
        var seen = Volatile.Read(ref most);
        while (now > seen && Interlocked.CompareExchange(ref most, now, seen) is var was && was != seen)
        {
            seen = was;
        }
    }

    private sealed class Choosy : GateWaiter
    {
        public bool IsThere { get; set; }

        public override bool TryTake() => IsThere;
    }

    private sealed class Broken : GateWaiter
    {
        public override bool TryTake() => throw new InvalidOperationException();
    }
}
