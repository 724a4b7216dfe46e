using System.Collections.Frozen;
using EdgeProxy.Resilience;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Configuration;

/// <summary>
/// The clusters of the revision that was replaced last, as they were, for a minute. YARP changes clusters in place and before the routes:
/// without this, a request that has matched a route of the old revision would go to a destination of the new one.
/// </summary>
internal sealed class RetiringClusters(TimeProvider time) : IDisposable
{
    /// <summary>A request that has matched a route goes on to its cluster at once; after this none needs the old ones.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private volatile Kept? _kept;
    private ITimer? _drop;

    /// <summary>Keeps what <paramref name="next"/> changes in the clusters of <paramref name="active"/>. Before YARP hears of it.</summary>
    public void Keep(Revision active, Revision next, IProxyStateLookup state)
    {
        var coming = next.ProxyClusters.ToDictionary(cluster => cluster.ClusterId, StringComparer.OrdinalIgnoreCase);
        var clusters = new Dictionary<string, ClusterState>(StringComparer.OrdinalIgnoreCase);
        foreach (var cluster in state.GetClusters())
        {
            if (coming.TryGetValue(cluster.ClusterId, out var config) && !cluster.Model.Config.Equals(config))
            {
                clusters.Add(cluster.ClusterId, CopyOf(cluster, config));
            }
        }

        var kept = new Kept(active, clusters.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase));
        _kept = kept;
        _drop?.Dispose();
        _drop = time.CreateTimer(_ => Interlocked.CompareExchange(ref _kept, null, kept), null, Patience, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The change was refused: the active revision's clusters are YARP's again.</summary>
    public void Forget() => _kept = null;

    /// <summary>The cluster as <paramref name="revision"/> knew it; null when YARP's own is as good.</summary>
    public ClusterState? Find(Revision revision, string cluster) =>
        _kept is { } kept && ReferenceEquals(kept.Revision, revision) ? kept.Clusters.GetValueOrDefault(cluster) : null;

    public void Dispose() => _drop?.Dispose();

    private static ClusterState CopyOf(ClusterState cluster, ClusterConfig next)
    {
        var all = cluster.DestinationsState.AllDestinations.ToDictionary(known => known, known => CopyOf(known, next));
        var available = cluster.DestinationsState.AvailableDestinations;
        var copy = new ClusterState(cluster.ClusterId, cluster.Model)
        {
            DestinationsState = new ClusterDestinationsState(
                [.. all.Values], [.. available.Select(known => all.GetValueOrDefault(known, known))]),
        };
        ClusterRuntime.Of(copy).ShareGate(ClusterRuntime.Of(cluster));
        return copy;
    }

    /// <summary>Only a destination that changes under its name is copied: the others keep their counts.</summary>
    private static DestinationState CopyOf(DestinationState known, ClusterConfig next)
    {
        if (next.Destinations?.GetValueOrDefault(known.DestinationId) is not { } config || config.Equals(known.Model.Config))
        {
            return known;
        }

        var copy = new DestinationState(known.DestinationId, known.Model);
        copy.Health.Active = known.Health.Active;
        copy.Health.Passive = known.Health.Passive;
        return copy;
    }

    private sealed record Kept(Revision Revision, FrozenDictionary<string, ClusterState> Clusters);
}
