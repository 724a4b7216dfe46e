using System.Diagnostics.Metrics;
using EdgeProxy.Metrics;

namespace EdgeProxy.Errors;

/// <summary>Counts failures by what they were. Both labels are closed sets: the catalogue, and the configured routes.</summary>
internal sealed class ErrorMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _errors = meters.CreateEdgeMeter().CreateCounter<long>(
        "edgeproxy_errors_total", description: "Failures by code of the error catalogue.");

    public void Count(EdgeError error, string route) => Add(1, error, route);

    /// <summary>Its series is there, at 0 if nothing was counted in it yet.</summary>
    public void Show(EdgeError error, string route) => Add(0, error, route);

    private void Add(int count, EdgeError error, string route) => _errors.Add(
        count, new KeyValuePair<string, object?>("code", error.Code), new KeyValuePair<string, object?>("route", route));
}
