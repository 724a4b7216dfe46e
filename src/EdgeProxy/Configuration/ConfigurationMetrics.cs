using System.Diagnostics.Metrics;
using EdgeProxy.Metrics;

namespace EdgeProxy.Configuration;

/// <summary>Numbers of reloads and of the active revision. All are read when they are asked for.</summary>
internal sealed class ConfigurationMetrics(IMeterFactory meters, Revisions revisions, ReloadStatus status)
{
    private static readonly (ReloadResult Result, KeyValuePair<string, object?> Label)[] Results =
    [
        (ReloadResult.Accepted, new("result", "accepted")),
        (ReloadResult.Refused, new("result", "refused")),
        (ReloadResult.Unchanged, new("result", "unchanged")),
    ];

    /// <summary>Creates the instruments, once.</summary>
    public void Observe()
    {
        var meter = meters.CreateEdgeMeter();
        meter.CreateObservableCounter(
            "edgeproxy_config_reloads_total",
            () => Results.Select(row => new Measurement<long>(status.Count(row.Result), row.Label)),
            description: "Changes of the configuration files, by what became of them.");
        meter.CreateObservableGauge(
            "edgeproxy_config_last_reload_success",
            () => status.Last.Success ? 1 : 0,
            description: "1 while the files hold the active revision, 0 while they hold something that was refused.");
        meter.CreateObservableGauge(
            "edgeproxy_config_last_reload_timestamp_seconds",
            () => status.Last.At.ToUnixTimeMilliseconds() / 1000d,
            unit: "s",
            description: "When the last change of the files was taken or refused; the start, when there was none.");
        meter.CreateObservableGauge(
            "edgeproxy_config_info",
            () => new Measurement<int>(1, new KeyValuePair<string, object?>("revision", revisions.Current.Id)),
            description: "1, labelled with the active revision.");
    }
}
