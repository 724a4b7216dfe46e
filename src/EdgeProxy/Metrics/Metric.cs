namespace EdgeProxy.Metrics;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>One metric as it is shown: a name, its kind, and its series.</summary>
internal abstract class Metric(string name, string help, MetricKind kind)
{
    public string Name { get; } = name;

    /// <summary>What it means, in a sentence.</summary>
    public string Help { get; } = help;

    public MetricKind Kind { get; } = kind;

    public virtual void Add(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => Add((double)value, tags);

    public abstract void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags);

    /// <summary>Called when all observable instruments have been asked.</summary>
    public virtual void EndCollection()
    {
    }

    /// <summary>Removes the series whose labels name something that is no longer configured.</summary>
    public virtual void Expire(Func<KeyValuePair<string, object?>[], bool> gone)
    {
    }
}

/// <summary>A counter, or an up-down counter, that is added to as things happen.</summary>
internal sealed class SumMetric(string name, string help, MetricKind kind, SeriesLimit limit) : Metric(name, help, kind)
{
    public SeriesTable<SumSeries> Series { get; } = new(labels => new SumSeries { Labels = labels }, limit);

    public override void Add(long value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => Series.Find(tags).Add(value);

    public override void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => Add((long)value, tags);

    // Something may still step down what it stepped up: an up-down counter goes only when it stands at zero.
    public override void Expire(Func<KeyValuePair<string, object?>[], bool> gone) =>
        Series.Remove((labels, series) => gone(labels) && (Kind == MetricKind.Counter || series.Value == 0));
}

/// <summary>A distribution.</summary>
internal sealed class HistogramMetric(string name, string help, double[] boundaries, SeriesLimit limit, TimeProvider time)
    : Metric(name, help, MetricKind.Histogram)
{
    /// <summary>Upper ends of the buckets but the last, which has none; each belongs to its bucket.</summary>
    public double[] Boundaries { get; } = boundaries;

    public SeriesTable<HistogramSeries> Series { get; } =
        new(labels => new HistogramSeries(boundaries, time) { Labels = labels }, limit);

    public override void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => Series.Find(tags).Record(value);

    public override void Expire(Func<KeyValuePair<string, object?>[], bool> gone) => Series.Remove((labels, _) => gone(labels));
}

/// <summary>What an observable instrument says when it is asked. A series that it no longer names is gone at once.</summary>
internal sealed class ObservedMetric(string name, string help, MetricKind kind, SeriesLimit limit) : Metric(name, help, kind)
{
    private long _generation;

    public SeriesTable<ValueSeries> Series { get; } = new(labels => new ValueSeries { Labels = labels }, limit);

    public override void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = Series.Find(tags);
        series.Value = value;
        series.Generation = _generation;
    }

    public override void EndCollection()
    {
        Series.Remove((_, series) => series.Generation != _generation);
        _generation++;
    }
}
