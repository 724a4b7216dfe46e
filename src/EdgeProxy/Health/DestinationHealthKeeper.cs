using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
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
    private const string AddressChanged = "its address changed";

    /// <summary>Health changes rarely: whoever changes it does so alone, with all that follows from it.</summary>
    private readonly Lock _changing = new();

    /// <summary>One for each destination that passive checks keep out.</summary>
    private readonly Dictionary<DestinationState, Reactivation> _reactivations = [];

    /// <summary>Destinations that are out for a time.</summary>
    public int Reactivations
    {
        get
        {
            lock (_changing)
            {
                return _reactivations.Count;
            }
        }
    }

    /// <summary>When it is no longer out for a time; null when it is not.</summary>
    public DateTimeOffset? ReactivationOf(DestinationState destination)
    {
        lock (_changing)
        {
            return _reactivations.GetValueOrDefault(destination)?.Due;
        }
    }

    public void SetActive(ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthPairs)
    {
        lock (_changing)
        {
            SetActiveLocked(cluster, newHealthPairs);
        }
    }

    private void SetActiveLocked(ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthPairs)
    {
        var changed = new List<NewActiveDestinationHealth>();
        foreach (var pair in newHealthPairs)
        {
            if (pair.Destination.Health.Active != pair.NewActiveHealth)
            {
                pair.Destination.Health.Active = pair.NewActiveHealth;
                changed.Add(pair);
            }
        }

        if (changed.Count > 0)
        {
            clusters.UpdateAvailableDestinations(cluster); // before the log, which may take its time
        }

        foreach (var pair in changed)
        {
            Log(cluster, pair.Destination, "active", pair.NewActiveHealth, reasons.OfActive(pair.Destination));
        }
    }

    public void SetPassive(ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan reactivationPeriod)
    {
        if (destination.Health.Passive == newHealth)
        {
            return; // nearly always: no lock
        }

        lock (_changing)
        {
            if (destination.Health.Passive != newHealth && (newHealth != DestinationHealth.Unhealthy || HasOther(cluster, destination)))
            {
                ChangePassive(cluster, destination, newHealth);
                Arm(cluster, destination, newHealth, reactivationPeriod);
            }
        }
    }

    /// <summary>Health found at another address says nothing about this one.</summary>
    public void Reset(ClusterState cluster, DestinationState destination)
    {
        lock (_changing)
        {
            Forget(destination);
            destination.Health.Active = DestinationHealth.Unknown;
            destination.Health.Passive = DestinationHealth.Unknown;
            reasons.NoteActive(destination, AddressChanged);
            reasons.NotePassive(destination, AddressChanged);
            clusters.UpdateAvailableDestinations(cluster);
            Log(cluster, destination, "active", DestinationHealth.Unknown, AddressChanged);
        }
    }

    /// <summary>Forgets destinations that <paramref name="cluster"/> has no more; all of them when it is gone itself.</summary>
    public void ForgetRemoved(ClusterState cluster, bool isGone)
    {
        lock (_changing)
        {
            foreach (var (destination, reactivation) in _reactivations)
            {
                if (reactivation.Cluster == cluster
                    && (isGone || !cluster.Destinations.TryGetValue(destination.DestinationId, out var present) || present != destination))
                {
                    Forget(destination);
                }
            }
        }
    }

    public void Dispose()
    {
        lock (_changing)
        {
            foreach (var destination in _reactivations.Keys)
            {
                Forget(destination);
            }
        }
    }

    /// <summary>Another destination works: passive checks never put out the last one that does.</summary>
    private static bool HasOther(ClusterState cluster, DestinationState destination) =>
        cluster.DestinationsState.AvailableDestinations.Any(other => other != destination && AvailabilityPolicy.IsSound(other));

    private void ChangePassive(ClusterState cluster, DestinationState destination, DestinationHealth newHealth)
    {
        destination.Health.Passive = newHealth;
        clusters.UpdateAvailableDestinations(cluster);
        Log(cluster, destination, "passive", newHealth, reasons.OfPassive(destination));
    }

    private void Arm(ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan period)
    {
        Forget(destination);
        if (newHealth == DestinationHealth.Unhealthy)
        {
            var reactivation = new Reactivation(cluster, destination, time.GetUtcNow() + period);
            reactivation.Timer = time.CreateTimer(_ => Reactivate(reactivation), null, period, Timeout.InfiniteTimeSpan);
            _reactivations[destination] = reactivation; // a timer that fires already waits for the lock
        }
    }

    private void Reactivate(Reactivation due)
    {
        lock (_changing)
        {
            var (cluster, destination) = (due.Cluster, due.Destination);
            if (_reactivations.GetValueOrDefault(destination) != due)
            {
                return; // forgotten, or out anew since
            }

            Forget(destination);
            reasons.NotePassive(destination, "its reactivation period is over");
            ChangePassive(cluster, destination, DestinationHealth.Unknown);
        }
    }

    private void Forget(DestinationState destination)
    {
        if (_reactivations.Remove(destination, out var reactivation))
        {
            reactivation.Timer?.Dispose();
        }
    }

    private void Log(ClusterState cluster, DestinationState destination, string check, DestinationHealth health, string? reason)
    {
        var level = health == DestinationHealth.Unhealthy ? LogLevel.Warning : LogLevel.Information;
        var id = destination.ConfiguredId();
        LogChange(logger, level, cluster.ClusterId, id, health, check, reason ?? "no reason given");
    }

    [LoggerMessage(Message = "Destination {Cluster}/{Destination} is {Health} by {Check} check: {Reason}")]
    private static partial void LogChange(
        ILogger logger, LogLevel level, string cluster, string destination, DestinationHealth health, string check, string reason);

    private sealed class Reactivation(ClusterState cluster, DestinationState destination, DateTimeOffset due)
    {
        public DateTimeOffset Due => due;

        public ClusterState Cluster => cluster;

        public DestinationState Destination => destination;

        public ITimer? Timer { get; set; }
    }
}
