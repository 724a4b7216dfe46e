using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;

namespace EdgeProxy.Metrics;

/// <summary>
/// Listens to the instruments of this edge and of the runtime and keeps their sums. Created before anything measures:
/// what is measured without a listener is lost.
/// </summary>
internal sealed class MetricCollector : IDisposable
{
    /// <summary>How long the numbers of a route, cluster, destination or policy outlive the reload that removed it.</summary>
    public static readonly TimeSpan Farewell = TimeSpan.FromMinutes(5);

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, Metric> _metrics = new(StringComparer.Ordinal);
    private readonly Lock _collecting = new();
    private readonly SeriesLimit _limit = new();
    private readonly IMeterFactory _meters;
    private readonly Revisions _revisions;
    private readonly TimeProvider _time;
    private Revision? _seen;
    private long? _seenAt;

    public MetricCollector(IMeterFactory meters, Revisions revisions, TimeProvider time)
    {
        _meters = meters;
        _revisions = revisions;
        _time = time;
        Follow(revisions.Current);
        _seenAt = null;
        _listener.InstrumentPublished = Publish;
        _listener.SetMeasurementEventCallback<long>((_, value, tags, metric) => ((Metric)metric!).Add(value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, metric) => ((Metric)metric!).Add((long)value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, metric) => ((Metric)metric!).Add(value, tags));
        _listener.Start();
        meters.CreateEdgeMeter().CreateObservableCounter("edgeproxy_metric_series_dropped_total", () => _limit.Dropped,
            description: "Measurements that went to the series _other because their metric had too many series.");
    }

    /// <summary>Asks the observable instruments and returns all metrics in the order of their names.</summary>
    public IReadOnlyList<Metric> Collect()
    {
        lock (_collecting)
        {
            Follow(_revisions.Current);
            _listener.RecordObservableInstruments();
            foreach (var metric in _metrics.Values)
            {
                metric.EndCollection();
            }

            return [.. _metrics.Values.OrderBy(metric => metric.Name, StringComparer.Ordinal)];
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Publish(Instrument instrument, MeterListener listener)
    {
        // Other edges may live in this process (tests): the meter's scope is the factory of its own container.
        if (instrument.Meter.Name == EdgeMeter.Name && ReferenceEquals(instrument.Meter.Scope, _meters))
        {
            Enable(instrument, instrument.Name, instrument.Description ?? "");
        }
        else if (RuntimeMetrics.Find(instrument) is { } shown)
        {
            Enable(instrument, shown.Name, shown.Help, withLabels: shown.WithLabels);
        }
    }

    private void Enable(Instrument instrument, string name, string help, bool withLabels = true)
    {
        var metric = _metrics.GetOrAdd(name, _ => Create(instrument, name, help));
        _listener.EnableMeasurementEvents(instrument, withLabels ? metric : new WithoutLabels(metric));
    }

    private Metric Create(Instrument instrument, string name, string help) => instrument switch
    {
        Histogram<double> histogram =>
            new HistogramMetric(name, help, [.. histogram.Advice?.HistogramBucketBoundaries ?? []], _limit, _time),
        Counter<long> => new SumMetric(name, help, MetricKind.Counter, _limit),
        UpDownCounter<long> or UpDownCounter<int> => new SumMetric(name, help, MetricKind.Gauge, _limit),
        // By its name and not by its class: the runtime makes observable counters of things that go down.
        { IsObservable: true } => new ObservedMetric(
            name, help, name.EndsWith("_total", StringComparison.Ordinal) ? MetricKind.Counter : MetricKind.Gauge, _limit),
        _ => throw new NotSupportedException($"No metric can be made of {name}, a {instrument.GetType().Name}."),
    };

    // Called at each collection, so that nothing has to be told of reloads: what is collected by nobody takes no more room
    // than the bound of each table.
    private void Follow(Revision current)
    {
        if (!ReferenceEquals(current, _seen))
        {
            _seen = current;
            _seenAt = _time.GetTimestamp();
            var destinations = current.ProxyClusters.Sum(cluster => cluster.Destinations?.Count ?? 0);
            _limit.SeriesMax = (SeriesLimit.Least / 2) + (4 * (current.ProxyRoutes.Count + destinations));
        }
        else if (_seenAt is { } since && _time.GetElapsedTime(since) >= Farewell)
        {
            _seenAt = null;
            var configured = new ConfiguredNames(current, _revisions.Offered);
            foreach (var metric in _metrics.Values)
            {
                metric.Expire(configured.AreGone);
            }
        }
    }

    /// <summary>Adds all series of an instrument up into one, where its labels come from an open set.</summary>
    private sealed class WithoutLabels(Metric metric) : Metric(metric.Name, metric.Help, metric.Kind)
    {
        public override void Add(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => metric.Add(value, []);

        public override void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => metric.Add(value, []);
    }
}
