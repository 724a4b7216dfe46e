using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;

namespace EdgeProxy.Fallbacks;

/// <summary>Counts failures on routes with `Fallback`, by who answered instead.</summary>
internal sealed class FallbackMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _fallbacks = meters.CreateEdgeMeter().CreateCounter<long>(
        "edgeproxy_fallbacks_total", description: "Failures on routes with a fallback, by who answered instead.");

    public void FellBack(string route, string kind, FallbackCause cause) =>
        _fallbacks.Add(1, new("route", route), new("kind", kind), new("cause", FallbackSection.NameOf(cause)));
}
