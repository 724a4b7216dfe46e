using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Reads the edge's instruments: sums of counters and last values of gauges, by name and labels.</summary>
internal sealed class Readings : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _values = new();

    /// <summary>Begins to read the meters of <paramref name="edge"/>; what was counted before is not seen.</summary>
    public Readings(Edge edge)
    {
        var factory = edge.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "EdgeProxy" && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>Value of a series, such as `edgeproxy_attempts_total{cluster=up,outcome=ok}`; 0 when there is none.</summary>
    public double this[string series] => _values.GetValueOrDefault(series);

    /// <summary>Series of the counter <paramref name="name"/> that something has been counted in.</summary>
    public IEnumerable<string> Counted(string name) =>
        _values.Where(pair => pair.Value > 0 && pair.Key.StartsWith(name + "{", StringComparison.Ordinal)).Select(pair => pair.Key);

    /// <summary>Series of gauges as they stand now; those that have vanished are gone.</summary>
    public IReadOnlyDictionary<string, double> Gauges()
    {
        _values.Clear();
        _listener.RecordObservableInstruments();
        return new Dictionary<string, double>(_values);
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
        var series = $"{instrument.Name}{{{labels}}}";
        if (instrument.IsObservable)
        {
            _values[series] = value;
        }
        else
        {
            _values.AddOrUpdate(series, value, (_, sum) => sum + value);
        }
    }
}
