using EdgeProxy.Configuration;
using EdgeProxy.Fallbacks;
using EdgeProxy.Shedding;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace EdgeProxy.Tests.Shedding;

/// <summary>How overloaded the edge counts as, by what is read of it.</summary>
public sealed class LoadLevelTests
{
    private static readonly double[] Steps = [80, 90, 100];

    [Fact]
    public void It_rises_at_once_and_falls_step_by_step_when_the_reading_has_been_low_for_a_while()
    {
        var level = new LoadLevel(TimeSpan.FromSeconds(1));
        int Read(double reading, double second)
        {
            level.Read(reading, Steps, TimeSpan.FromSeconds(second));
            return level.Value;
        }

        Assert.Equal(0, Read(79, 0));
        Assert.Equal(3, Read(100, 0.1));
        Assert.Equal(3, Read(98, 0.2));  // below its step, but hardly
        Assert.Equal(3, Read(96, 0.3));
        Assert.Equal(3, Read(96, 1.2));
        Assert.Equal(3, Read(98, 1.25)); // not low any more: the while begins anew
        Assert.Equal(3, Read(10, 1.3));
        Assert.Equal(3, Read(10, 2.2));
        Assert.Equal(2, Read(10, 2.3));
        Assert.Equal(2, Read(10, 3.2));
        Assert.Equal(1, Read(10, 3.3));
        Assert.Equal(2, Read(90, 3.4));
    }

    [Fact]
    public void A_reading_that_hovers_at_a_step_does_not_flap()
    {
        var level = new LoadLevel(TimeSpan.Zero);
        var changes = 0;
        for (var i = 0; i < 1000; i++)
        {
            var before = level.Value;
            level.Read(i % 2 == 0 ? 81 : 79, Steps, TimeSpan.FromSeconds(i));
            changes += level.Value == before ? 0 : 1;
        }

        Assert.Equal((1, 1), (level.Value, changes));
    }

    [Fact]
    public void The_highest_signal_counts_and_the_critical_are_refused_last()
    {
        var overload = new Overload(NullLogger<Overload>.Instance);
        var options = new OverloadOptions { RequestsInFlight = 1000 };
        void Read(long inFlight, double memory, double delay) =>
            overload.Read(options, new ProcessReading(inFlight, memory, TimeSpan.FromSeconds(delay)), TimeSpan.Zero);

        bool[] Refused() => [.. Enum.GetValues<Criticality>().Select(overload.Refuses)];

        Read(799, 0.84, 0.099);
        Assert.Equal((0, null), (overload.Level, overload.Worst?.Name));
        Assert.Equal([false, false, false, false], Refused());
        Read(800, 0, 0);
        Assert.Equal((1, "in_flight"), (overload.Level, overload.Worst?.Name));
        Assert.Equal([false, false, false, true], Refused());
        Read(800, 0.91, 0);
        Assert.Equal((2, "memory"), (overload.Level, overload.Worst?.Name));
        Assert.Equal([false, false, true, true], Refused());
        Read(800, 0.91, 1);
        Assert.Equal((3, "thread_pool"), (overload.Level, overload.Worst?.Name));
        Assert.Equal([false, true, true, true], Refused());

        overload.Read(new OverloadOptions { Enabled = false }, new ProcessReading(2000, 1, TimeSpan.FromSeconds(9)), TimeSpan.Zero);
        Assert.Equal(0, overload.Level);
    }

    [Fact]
    public void A_level_is_left_a_little_below_its_step()
    {
        var level = new LoadLevel(TimeSpan.Zero);
        level.Read(0.85, [0.85, 0.9, 0.95], TimeSpan.Zero);
        level.Read(0.82, [0.85, 0.9, 0.95], TimeSpan.FromSeconds(1));
        Assert.Equal(0, level.Value);
    }

    [Fact]
    public void What_is_only_kept_in_case_gives_way_while_memory_presses()
    {
        var overload = new Overload(NullLogger<Overload>.Instance);
        var given = new List<int>();
        overload.AddReserve(given.Add);
        void Read(double memory, double second) =>
            overload.Read(new OverloadOptions(), new ProcessReading(0, memory, TimeSpan.Zero), TimeSpan.FromSeconds(second));

        Read(0.8, 10);
        Assert.Empty(given);
        Read(0.86, 11);
        Read(0.86, 11.1); // asked a moment ago
        Read(0.91, 12.1);
        Assert.Equal([1, 2], given);
    }

    [Fact]
    public void How_long_the_highest_level_lasts_is_counted_without_its_breaks()
    {
        var overload = new Overload(NullLogger<Overload>.Instance);
        void Read(long inFlight, double second) => overload.Read(
            new OverloadOptions { RequestsInFlight = 100 }, new ProcessReading(inFlight, 0, TimeSpan.Zero), TimeSpan.FromSeconds(second));

        Read(100, 5);
        Read(100, 9);
        Assert.Equal(TimeSpan.FromSeconds(4), overload.MostFor(TimeSpan.FromSeconds(9)));
        Read(1, 10);
        Assert.Equal(TimeSpan.Zero, overload.MostFor(TimeSpan.FromSeconds(10)));
        Read(100, 11);
        Assert.Equal(TimeSpan.FromSeconds(1), overload.MostFor(TimeSpan.FromSeconds(12)));
    }

    [Theory]
    [InlineData(80L << 20, 8L << 20)]
    [InlineData(64L << 30, 64L << 20)]
    public void Stale_responses_take_no_more_than_a_share_of_the_memory(long memory, long kept) =>
        Assert.Equal(kept, StaleCache.BoundFor(memory));

    [Fact]
    public void The_shortest_wait_of_a_second_counts()
    {
        var delay = new PoolDelay(TimeProvider.System);
        for (var i = 1; i < PoolDelay.Samples; i++)
        {
            Assert.Equal(TimeSpan.Zero, delay.Add(TimeSpan.FromSeconds(5)));
        }

        Assert.Equal(TimeSpan.FromSeconds(5), delay.Add(TimeSpan.FromSeconds(6)));
        Assert.Equal(TimeSpan.FromMilliseconds(1), delay.Add(TimeSpan.FromMilliseconds(1)));
    }
}
