using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Says, once a change, that a breaker has changed its state, and why: to people, metrics and log.</summary>
internal sealed partial class BreakerTransitions(BreakerMetrics metrics, TimeProvider time, ILogger<Breakers> logger)
{
    /// <param name="destination">Null: the breaker is the cluster's own.</param>
    public void Record(ClusterState cluster, DestinationState? destination, Circuit circuit, string reason, TimeSpan now)
    {
        circuit.Stand(now, time.GetUtcNow());
        var (state, length) = (circuit.Breaker.State, circuit.Breaker.Remaining(now));
        metrics.Changed(cluster.ClusterId, destination?.ConfiguredId() ?? "");
        var level = state == BreakerState.Open ? LogLevel.Warning : LogLevel.Information;
        var what = destination is null ? "Cluster" : "Destination";
        var name = destination is null ? cluster.ClusterId : $"{cluster.ClusterId}/{destination.ConfiguredId()}";
        LogChange(logger, level, what, name, state, length == default ? "" : $" for {length.TotalSeconds:0.0} s", reason);
    }

    [LoggerMessage(Message = "Breaker of {What} {Name} is {State}{Length}: {Reason}")]
    private static partial void LogChange(
        ILogger logger, LogLevel level, string what, string name, BreakerState state, string length, string reason);
}
