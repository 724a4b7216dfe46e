using EdgeProxy.Redis;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>What of a store's ups and downs is said.</summary>
public sealed class StoreReportTests
{
    private readonly StoreReport _report = new();
    private TimeSpan _now = TimeSpan.FromSeconds(100);

    [Fact]
    public void An_outage_is_said_once_it_has_lasted_a_second_and_its_end_once()
    {
        Assert.Equal(StoreNews.None, Look(isUp: false, 0));
        Assert.Equal(StoreNews.None, Look(isUp: false, 0.9));
        Assert.Equal(StoreNews.Down, Look(isUp: false, 0.1));
        Assert.Equal(StoreNews.None, Look(isUp: false, 60));
        Assert.Equal(StoreNews.Up, Look(isUp: true, 1));
        Assert.Equal(TimeSpan.FromSeconds(62), _report.Lasted);
        Assert.Equal(StoreNews.None, Look(isUp: true, 1));
    }

    [Fact]
    public void Short_outages_are_said_when_they_keep_coming_back_with_their_number_and_length_and_then_seldom()
    {
        Assert.All(Enumerable.Range(0, 4), _ => Assert.Equal(StoreNews.None, Blip(every: 10)));
        Assert.Equal(StoreNews.Unsteady, Blip(every: 10));
        Assert.Equal((5, TimeSpan.FromSeconds(0.5)), (_report.Short, _report.Lasted));
        _report.Said();

        var said = Enumerable.Range(0, 78).Count(_ => Blip(every: 11) == StoreNews.Unsteady);
        Assert.InRange(said, 2, 3);
        Assert.InRange(_report.Short, 20, 78);
    }

    [Fact]
    public void Short_outages_now_and_then_are_not_said() =>
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Equal(StoreNews.None, Blip(every: 20)));

    private StoreNews Blip(double every)
    {
        Look(isUp: false, every - 0.1);
        return Look(isUp: true, 0.1);
    }

    private StoreNews Look(bool isUp, double after)
    {
        _now += TimeSpan.FromSeconds(after);
        return _report.Observe(isUp, _now);
    }
}
