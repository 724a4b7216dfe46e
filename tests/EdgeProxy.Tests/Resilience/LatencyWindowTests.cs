using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What is usual, told from the last minute.</summary>
public sealed class LatencyWindowTests
{
    private static readonly TimeSpan Start = TimeSpan.FromHours(5);

    private readonly LatencyWindow _window = new();

    [Fact]
    public void With_few_answers_nothing_is_usual()
    {
        Add(Start, LatencyWindow.Least - 1, 10);
        Assert.Null(_window.Percentile95(Start));

        Add(Start, 1, 10);
        Assert.Null(_window.Percentile95(Start)); // looked at once a second
        Assert.NotNull(_window.Percentile95(Start + TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(7)]
    [InlineData(250)]
    [InlineData(30_000)]
    public void It_is_at_most_a_tenth_too_long_and_never_too_short(double milliseconds)
    {
        Add(Start, 95, milliseconds);
        Add(Start, 5, milliseconds * 3);

        Assert.InRange(_window.Percentile95(Start)!.Value.TotalMilliseconds, milliseconds, milliseconds * 1.1);
    }

    [Fact]
    public void Six_of_a_hundred_that_are_slow_are_seen()
    {
        Add(Start, 94, 10);
        Add(Start, 6, 1000);

        Assert.InRange(_window.Percentile95(Start)!.Value.TotalMilliseconds, 1000, 1100);
    }

    [Fact]
    public void What_was_a_minute_ago_is_forgotten_and_nothing_before()
    {
        Add(Start, 20, 10);
        Assert.NotNull(_window.Percentile95(Start + TimeSpan.FromSeconds(49)));
        Assert.Null(_window.Percentile95(Start + TimeSpan.FromSeconds(70)));

        Add(Start + TimeSpan.FromHours(2), 20, 40);
        Assert.InRange(_window.Percentile95(Start + TimeSpan.FromHours(2))!.Value.TotalMilliseconds, 40, 44);
    }

    private void Add(TimeSpan now, int count, double milliseconds)
    {
        for (var i = 0; i < count; i++)
        {
            _window.Add(now, TimeSpan.FromMilliseconds(milliseconds));
        }
    }
}
