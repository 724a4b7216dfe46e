using System.Text;
using EdgeProxy.Metrics;
using Xunit;

namespace EdgeProxy.Tests.Metrics;

/// <summary>Series are found by their labels, and their number is bounded.</summary>
public sealed class SeriesTableTests
{
    private readonly SeriesLimit _limit = new();
    private readonly SeriesTable<SumSeries> _table;

    public SeriesTableTests() => _table = new SeriesTable<SumSeries>(labels => new SumSeries { Labels = labels }, _limit);

    [Fact]
    public void The_same_labels_are_the_same_series_whoever_built_the_strings()
    {
        _table.Find([new("route", "a"), new("code", "200")]).Add(1);
        _table.Find([new("route", new string(['a'])), new("code", 200.ToString("D3", null))]).Add(2);

        Assert.Equal(3, Assert.Single(_table.Sorted).Value);
    }

    [Fact]
    public void Labels_are_escaped()
    {
        _table.Find([new("route", "a\\b\"c\nd")]);

        Assert.Equal("""route="a\\b\"c\nd" """.TrimEnd(), Encoding.UTF8.GetString(_table.Sorted[0].Labels));
    }

    [Fact]
    public void What_is_beyond_the_bound_goes_to_one_series_and_is_counted()
    {
        for (var i = 0; i < SeriesLimit.Least + 5; i++)
        {
            _table.Find([new("route", "r" + i), new("code", "200")]).Add(1);
        }

        Assert.Equal(SeriesLimit.Least + 1, _table.Sorted.Count);
        Assert.Equal(5, _limit.Dropped);
        Assert.Equal(5, _table.Sorted.Single(series => Encoding.UTF8.GetString(series.Labels) == "route=\"_other\",code=\"_other\"").Value);
        Assert.Equal(1, _table.Find([new("route", "r1"), new("code", "200")]).Value);
    }

    [Fact]
    public void A_series_that_is_removed_makes_room_for_another()
    {
        for (var i = 0; i < SeriesLimit.Least; i++)
        {
            _table.Find([new("route", "r" + i)]);
        }

        _table.Remove((labels, _) => Equals(labels[0].Value, "r0"));
        _table.Find([new("route", "new")]).Add(1);

        Assert.Equal(0, _limit.Dropped);
        Assert.Contains(_table.Sorted, series => Encoding.UTF8.GetString(series.Labels) == "route=\"new\"");
    }

    [Fact]
    public void A_larger_configuration_has_a_larger_bound()
    {
        _limit.SeriesMax = SeriesLimit.Least * 2;
        for (var i = 0; i < SeriesLimit.Least * 2; i++)
        {
            _table.Find([new("route", "r" + i)]);
        }

        Assert.Equal(0, _limit.Dropped);
        _limit.SeriesMax = 1;
        Assert.Equal(SeriesLimit.Least, _limit.SeriesMax);
    }

    [Fact]
    public void A_second_shape_of_labels_does_not_make_a_second_shape_of_text()
    {
        _table.Find([new("route", "a")]).Add(1);
        _table.Find([new("cluster", "a")]).Add(1);

        Assert.Equal(["route=\"_other\"", "route=\"a\""], _table.Sorted.Select(series => Encoding.UTF8.GetString(series.Labels)));
    }

    [Fact]
    public void Series_are_listed_in_the_order_of_their_labels_and_go_when_removed()
    {
        _table.Find([new("route", "b")]);
        _table.Find([new("route", "a")]);
        Assert.Equal(["route=\"a\"", "route=\"b\""], _table.Sorted.Select(series => Encoding.UTF8.GetString(series.Labels)));

        _table.Remove((labels, _) => (string?)labels[0].Value == "a");
        Assert.Equal(["route=\"b\""], _table.Sorted.Select(series => Encoding.UTF8.GetString(series.Labels)));
    }

    [Fact]
    public void Finding_a_known_series_takes_no_memory()
    {
        KeyValuePair<string, object?>[] tags = [new("route", "a"), new("code", "200")];
        _table.Find(tags).Add(1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _table.Find(tags).Add(1);
        }

        // A move to another core makes one more cell.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Stripes.Count * 160);
    }

    [Fact]
    public async Task Nothing_is_lost_when_many_threads_count()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                _table.Find([new("route", "r" + (i % 7))]).Add(1);
            }
        })));

        Assert.Equal(80_000, _table.Sorted.Sum(series => series.Value));
    }
}
