using System.Diagnostics.Metrics;
using EdgeProxy.Metrics;

namespace EdgeProxy.Redis;

/// <summary>How long requests waited for the store, and how often in vain.</summary>
internal sealed class RedisMetrics
{
    private static readonly string[] Reasons = ["none", "deadline", "connection", "error", "overload", "silent"];

    private readonly Histogram<double> _duration;
    private readonly Counter<long> _failures;

    public RedisMetrics(IMeterFactory meters, StoreServers? servers)
    {
        var meter = meters.CreateEdgeMeter();
        _duration = meter.CreateHistogram(
            "edgeproxy_ratelimit_store_duration_seconds",
            unit: null,
            description: "Time that a request waited for the store, from the question until the request went on.",
            tags: null,
            new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1],
            });
        _failures = meter.CreateCounter<long>(
            "edgeproxy_ratelimit_store_failures_total", description: "Questions to the store without an answer.");
        foreach (var reason in Reasons.AsSpan(1))
        {
            _failures.Add(0, new KeyValuePair<string, object?>("reason", reason));
        }

        meter.CreateObservableGauge(
            "edgeproxy_store_up",
            () => servers is { IsUp: false } ? 0 : 1,
            description: "1 while the store is asked; 0 while policies do what OnStoreOutage says, for some buckets at least.");
        meter.CreateObservableGauge(
            "edgeproxy_store_evicts",
            () => servers?.All.Any(server => server.Evicts) == true ? 1 : 0,
            description: "1 while Redis, or a master of a Cluster, may evict single buckets when it is short of memory.");
    }

    public void Waited(TimeSpan time) => _duration.Record(time.TotalSeconds);

    public void Missed(StoreMiss miss) => _failures.Add(1, new KeyValuePair<string, object?>("reason", Reasons[(int)miss]));
}
