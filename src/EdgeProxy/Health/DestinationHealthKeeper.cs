using System.Collections.Concurrent;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// The one writer of destinations' health, in place of YARP's: what policies find is set, changes the set of available
/// destinations, and is logged once a change with its reason.
/// </summary>
internal sealed partial class DestinationHealthKeeper(
    IClusterDestinationsUpdater clusters, HealthReasons reasons, TimeProvider time, ILogger<DestinationHealthKeeper> logger)
    : IDestinationHealthUpdater, IDisposable
{
    /// <summary>One timer for each destination that passive checks keep out.</summary>
    private readonly ConcurrentDictionary<DestinationState, ITimer> _reactivations = new();

    public void SetActive(ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthPairs)
    {
        var changed = false;
        foreach (var pair in newHealthPairs)
        {
            var health = pair.Destination.Health;
            if (health.Active != pair.NewActiveHealth)
            {
                health.Active = pair.NewActiveHealth;
                changed = true;
                Log(cluster, pair.Destination, "active", pair.NewActiveHealth);
            }
        }

        if (changed)
        {
            clusters.UpdateAvailableDestinations(cluster);
        }
    }

    public void SetPassive(ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan reactivationPeriod)
    {
        var health = destination.Health;
        if (health.Passive == newHealth)
        {
            return;
        }

        health.Passive = newHealth;
        Log(cluster, destination, "passive", newHealth);
        clusters.UpdateAvailableDestinations(cluster);
        if (newHealth == DestinationHealth.Unhealthy)
        {
            var timer = time.CreateTimer(_ => Reactivate(cluster, destination), null, reactivationPeriod, Timeout.InfiniteTimeSpan);
            Forget(destination);
            _reactivations[destination] = timer;
        }
    }

    /// <summary>Health found at another address says nothing about this one.</summary>
    public void Reset(ClusterState cluster, DestinationState destination)
    {
        Forget(destination);
        destination.Health.Active = DestinationHealth.Unknown;
        destination.Health.Passive = DestinationHealth.Unknown;
        reasons.Note(destination, "its address changed");
        Log(cluster, destination, "active", DestinationHealth.Unknown);
        clusters.UpdateAvailableDestinations(cluster);
    }

    public void Dispose()
    {
        foreach (var destination in _reactivations.Keys)
        {
            Forget(destination);
        }
    }

    private void Reactivate(ClusterState cluster, DestinationState destination)
    {
        Forget(destination);
        if (destination.Health.Passive == DestinationHealth.Unhealthy)
        {
            reasons.Note(destination, "its reactivation period is over");
            SetPassive(cluster, destination, DestinationHealth.Unknown, TimeSpan.Zero);
        }
    }

    private void Forget(DestinationState destination)
    {
        if (_reactivations.TryRemove(destination, out var timer))
        {
            timer.Dispose();
        }
    }

    private void Log(ClusterState cluster, DestinationState destination, string check, DestinationHealth health)
    {
        var level = health == DestinationHealth.Unhealthy ? LogLevel.Warning : LogLevel.Information;
        var reason = reasons.Of(destination) ?? "no reason given";
        LogChange(logger, level, cluster.ClusterId, destination.DestinationId, health, check, reason);
    }

    [LoggerMessage(Message = "Destination {Cluster}/{Destination} is {Health} by {Check} check: {Reason}")]
    private static partial void LogChange(
        ILogger logger, LogLevel level, string cluster, string destination, DestinationHealth health, string check, string reason);
}
