using System.Diagnostics.Metrics;
using EdgeProxy.Metrics;

namespace EdgeProxy.Resilience;

/// <summary>Counts attempts at destinations, by cluster and outcome.</summary>
internal sealed class AttemptMetrics
{
    /// <summary>Reason of the one automatic second attempt: the connection had gone stale in the pool.</summary>
    public const string StaleConnection = "stale_connection";

    private const string ClusterLabel = "cluster";
    private const string ReasonLabel = "reason";

    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    };

    private readonly Counter<long> _attempts;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _skipped;
    private readonly Counter<long> _hedges;
    private readonly Histogram<double> _duration;

    public AttemptMetrics(IMeterFactory meters)
    {
        var meter = meters.CreateEdgeMeter();
        _attempts = meter.CreateCounter<long>("edgeproxy_attempts_total", description: "Attempts at destinations by outcome.");
        _retries = meter.CreateCounter<long>("edgeproxy_retries_total", description: "Attempts beyond a request's first, by reason.");
        _skipped = meter.CreateCounter<long>(
            "edgeproxy_retries_skipped_total", description: "Failed attempts that were not followed by another, by reason.");
        _hedges = meter.CreateCounter<long>(
            "edgeproxy_hedges_total", description: "Requests that a second attempt beside the first was due for, by what became of it.");
        _duration = meter.CreateHistogram(
            "edgeproxy_upstream_duration_seconds", "s", "One attempt, up to the head of the answer or the failure.", null, Seconds);
    }

    /// <summary>Makes a cluster's series appear before its first request.</summary>
    public void Announce(string cluster)
    {
        foreach (var outcome in AttemptOutcome.All)
        {
            _attempts.Add(0, new(ClusterLabel, cluster), new("outcome", outcome));
        }

        foreach (var reason in AttemptEnd.Reasons)
        {
            _retries.Add(0, new(ClusterLabel, cluster), new(ReasonLabel, reason));
        }

        foreach (var result in HedgeResults.All)
        {
            _hedges.Add(0, new(ClusterLabel, cluster), new("result", result));
        }

        foreach (var reason in RetrySkips.All)
        {
            _skipped.Add(0, new(ClusterLabel, cluster), new(ReasonLabel, reason));
        }
    }

    public void Hedged(string cluster, string result) => _hedges.Add(1, new(ClusterLabel, cluster), new("result", result));

    public void Attempted(string cluster, string outcome, TimeSpan duration)
    {
        _attempts.Add(1, new(ClusterLabel, cluster), new("outcome", outcome));
        _duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(ClusterLabel, cluster));
    }

    public void Retried(string cluster, string reason) => _retries.Add(1, new(ClusterLabel, cluster), new(ReasonLabel, reason));

    public void Skipped(string cluster, string reason) => _skipped.Add(1, new(ClusterLabel, cluster), new(ReasonLabel, reason));
}
