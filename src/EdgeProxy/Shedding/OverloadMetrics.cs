using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;

namespace EdgeProxy.Shedding;

/// <summary>How overloaded the process is, by what, and what was refused for it.</summary>
internal sealed class OverloadMetrics
{
    private static readonly string[] Names = Enum.GetNames<Criticality>();

    private readonly Counter<long> _shed;

    public OverloadMetrics(IMeterFactory meters, Overload overload, TimeProvider time)
    {
        var meter = meters.CreateEdgeMeter();
        _shed = meter.CreateCounter<long>("edgeproxy_shed_total", description: "Requests refused because the edge was overloaded.");
        meter.CreateObservableGauge(
            "edgeproxy_overload_level",
            () => overload.Signals.Select(signal =>
                new Measurement<int>(signal.Level, new KeyValuePair<string, object?>("reason", signal.Name))),
            description: "0 to 3: how overloaded the edge is by each of its signals; the highest one counts.");
        meter.CreateObservableGauge(
            "edgeproxy_overload_most_seconds", () => overload.MostFor(time.GetElapsedTime(0)).TotalSeconds,
            description: "How long the edge has been refusing all routes but `CriticalPlus` (level 3) without a break; 0 when it is not.");
        foreach (var criticality in Enum.GetValues<Criticality>().Where(one => one != Criticality.CriticalPlus))
        {
            foreach (var signal in overload.Signals)
            {
                Add(0, criticality, signal.Name);
            }
        }
    }

    public void Refused(Criticality criticality, string reason) => Add(1, criticality, reason);

    private void Add(int count, Criticality criticality, string reason) =>
        _shed.Add(count, new("criticality", Names[(int)criticality]), new("reason", reason));
}
