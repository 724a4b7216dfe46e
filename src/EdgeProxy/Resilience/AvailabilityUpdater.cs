using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// Around YARP's updater, which is asked whenever a destination's state may have changed: sees since when it is so, which destinations
/// join a running cluster, and when a cluster begins to panic.
/// </summary>
internal sealed partial class AvailabilityUpdater(
    IClusterDestinationsUpdater inner, Breakers breakers, TimeProvider time, ILogger<AvailabilityUpdater> logger)
    : IClusterDestinationsUpdater
{
    public void UpdateAvailableDestinations(ClusterState cluster)
    {
        inner.UpdateAvailableDestinations(cluster);
        TrackAvailability(cluster);
    }

    public void UpdateAllDestinations(ClusterState cluster)
    {
        inner.UpdateAllDestinations(cluster);
        TrackAvailability(cluster);
    }

    private void TrackAvailability(ClusterState cluster)
    {
        var runtime = ClusterRuntime.Of(cluster);
        var available = cluster.DestinationsState.AvailableDestinations;
        var all = cluster.Destinations.Values.Select(destination => (destination, DestinationRuntime.Of(destination))).ToList();
        var isRunning = all.Any(one => one.Item2.WasAvailable is not null);
        foreach (var (destination, known) in all)
        {
            var isAvailable = available.Contains(destination);
            var joins = isAvailable && isRunning && known.WasAvailable is not true && known.Circuit.Breaker.State == BreakerState.Closed;
            known.WasAvailable = isAvailable;
            known.Stand(destination, time.GetUtcNow());
            if (joins && runtime.Settings.SlowStart > TimeSpan.Zero)
            {
                known.Join(breakers.Now);
                breakers.Watch(cluster);
            }
        }

        runtime.Gate?.AdmitWaitersSoon(); // not here: a breaker may hold its cluster's lock
        var panics = AvailabilityPolicy.IsPanic(cluster);
        all.ForEach(one => one.Item2.IsInPanic = panics);
        if (panics != runtime.IsPanicking)
        {
            runtime.IsPanicking = panics;
            LogPanic(
                logger, panics ? LogLevel.Warning : LogLevel.Information, cluster.ClusterId,
                panics ? "too few destinations are available, all that are up get requests" : "over");
        }
    }

    [LoggerMessage(Message = "Panic in cluster {Cluster}: {What}")]
    private static partial void LogPanic(ILogger logger, LogLevel level, string cluster, string what);
}
