using EdgeProxy.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>The largest value of the last minute.</summary>
public sealed class RecentMaximumTests
{
    [Fact]
    public void The_largest_value_counts_for_a_minute_and_then_the_next_largest_does()
    {
        var costs = new RecentMaximum();
        Assert.Equal(0, costs.Read(TimeSpan.Zero));

        costs.Note(7, TimeSpan.FromSeconds(1));
        costs.Note(3, TimeSpan.FromSeconds(2));
        costs.Note(5, TimeSpan.FromSeconds(31));

        Assert.Equal(7, costs.Read(TimeSpan.FromSeconds(31)));
        Assert.Equal(7, costs.Read(TimeSpan.FromSeconds(50)));
        Assert.Equal(5, costs.Read(TimeSpan.FromSeconds(61)));
        Assert.Equal(0, costs.Read(TimeSpan.FromSeconds(120)));
    }

    [Fact]
    public void A_slot_that_comes_round_again_forgets_its_value()
    {
        var costs = new RecentMaximum();
        costs.Note(7, TimeSpan.FromSeconds(1));
        costs.Note(2, TimeSpan.FromSeconds(61));
        Assert.Equal(2, costs.Read(TimeSpan.FromSeconds(61)));
    }
}
