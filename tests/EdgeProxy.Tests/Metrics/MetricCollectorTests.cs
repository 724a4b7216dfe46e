using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Text;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using EdgeProxy.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Tests.Metrics;

/// <summary>The collector keeps what this edge measures, and forgets what is no longer configured.</summary>
public sealed class MetricCollectorTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly SetClock _clock = new();

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    [Fact]
    public void Series_of_a_removed_route_leave_five_minutes_after_the_reload_was_seen()
    {
        var revisions = new Revisions(Routes("kept", "removed"));
        using var collector = new MetricCollector(Meters, revisions, _clock);
        var counter = Meters.CreateEdgeMeter().CreateCounter<long>("edgeproxy_requests_total");
        foreach (var route in new[] { "kept", "removed", EdgeMeter.NoRoute })
        {
            counter.Add(1, new KeyValuePair<string, object?>("route", route));
        }

        revisions.Offer(Routes("kept"));
        revisions.Activate();
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(["(none)", "kept", "removed"], RoutesIn(collector));
        _clock.Advance(MetricCollector.Farewell - TimeSpan.FromSeconds(1));
        Assert.Equal(["(none)", "kept", "removed"], RoutesIn(collector));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["(none)", "kept"], RoutesIn(collector));
    }

    [Fact]
    public void A_route_that_came_back_in_time_keeps_its_numbers()
    {
        var revisions = new Revisions(Routes("here"));
        using var collector = new MetricCollector(Meters, revisions, _clock);
        Meters.CreateEdgeMeter().CreateCounter<long>("edgeproxy_requests_total").Add(7, new KeyValuePair<string, object?>("route", "here"));
        foreach (var revision in new[] { Routes("elsewhere"), Routes("here") })
        {
            revisions.Offer(revision);
            revisions.Activate();
            collector.Collect();
            _clock.Advance(MetricCollector.Farewell - TimeSpan.FromSeconds(1));
        }

        _clock.Advance(MetricCollector.Farewell);
        Assert.Equal(["here"], RoutesIn(collector));
    }

    [Fact]
    public void Instruments_of_another_edge_in_the_process_are_not_taken()
    {
        using var collector = new MetricCollector(Meters, new Revisions(Routes("a")), _clock);
        using var other = new ServiceCollection().AddMetrics().BuildServiceProvider();
        other.GetRequiredService<IMeterFactory>().CreateEdgeMeter().CreateCounter<long>("edgeproxy_elsewhere_total").Add(1);

        Assert.DoesNotContain(collector.Collect(), metric => metric.Name == "edgeproxy_elsewhere_total");
    }

    [Fact]
    public void What_an_observable_instrument_no_longer_names_is_gone_at_the_next_collection()
    {
        using var collector = new MetricCollector(Meters, new Revisions(Routes("a")), _clock);
        var names = new List<string> { "one", "two" };
        Meters.CreateEdgeMeter().CreateObservableGauge(
            "edgeproxy_seen", () => names.Select(name => new Measurement<int>(1, new KeyValuePair<string, object?>("state", name))));

        Assert.Equal(2, Observed().Count);
        names.RemoveAt(0);
        Assert.Equal("state=\"two\"", Encoding.UTF8.GetString(Assert.Single(Observed()).Labels));

        IReadOnlyList<ValueSeries> Observed() =>
            collector.Collect().OfType<ObservedMetric>().Single(metric => metric.Name == "edgeproxy_seen").Series.Sorted;
    }

    public void Dispose() => _services.Dispose();

    private static IEnumerable<string> RoutesIn(MetricCollector collector) => collector.Collect().OfType<SumMetric>()
        .Single(metric => metric.Name == "edgeproxy_requests_total").Series.Sorted
        .Select(series => Encoding.UTF8.GetString(series.Labels)["route=\"".Length..^1]);

    private static Revision Routes(params string[] ids) => new()
    {
        Hash = new string('0', 64),
        LoadedAt = DateTimeOffset.UnixEpoch,
        Files = [],
        Edge = new EdgeOptions(),
        Clients = ClientDirectory.Empty,
        Policies = FrozenDictionary<string, RateLimitPolicy>.Empty,
        Routes = ids.ToFrozenDictionary(id => id, id => new RouteSettings { RouteId = id, ClusterId = "up" }),
        Clusters = FrozenDictionary<string, ClusterSettings>.Empty,
        ProxyRoutes = [.. ids.Select(id => new RouteConfig { RouteId = id })],
        ProxyClusters = [],
    };

    private sealed class SetClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;

        public override long GetTimestamp() => _ticks;
    }
}
