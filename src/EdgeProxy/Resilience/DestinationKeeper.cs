using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Hands what each revision and the admin API say about destinations to those who choose among them.</summary>
internal sealed partial class DestinationKeeper(
    Revisions revisions, IClusterDestinationsUpdater clusters, ILogger<DestinationKeeper> logger) : IClusterChangeListener
{
    public void OnClusterAdded(ClusterState cluster) => Apply(cluster);

    public void OnClusterChanged(ClusterState cluster) => Apply(cluster);

    public void OnClusterRemoved(ClusterState cluster)
    {
    }

    /// <summary>Carries out an order of the admin API.</summary>
    /// <param name="destination">With all of its endpoints.</param>
    public void Order(ClusterState cluster, IGrouping<string, DestinationState> destination, DestinationMode mode)
    {
        if (destination.Any(one => DestinationRuntime.Of(one).Mode != mode))
        {
            LogOrdered(logger, cluster.ClusterId, destination.Key, mode);
        }

        var had = cluster.DestinationsState.AvailableDestinations.Count;
        var runtime = ClusterRuntime.Of(cluster);
        runtime.Order(destination, mode);
        runtime.RefreshDestinations(cluster);
        clusters.UpdateAvailableDestinations(cluster);
        if (had > 0 && cluster.DestinationsState.AvailableDestinations.Count == 0)
        {
            LogNoneLeft(logger, cluster.ClusterId, destination.Key, mode);
        }
    }

    private void Apply(ClusterState cluster)
    {
        if (revisions.Offered.Clusters.GetValueOrDefault(cluster.ClusterId) is { } settings)
        {
            ClusterRuntime.Of(cluster).Apply(cluster, settings);
            clusters.UpdateAvailableDestinations(cluster);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Destination {Cluster}/{Destination} is {Mode} by order of the admin API")]
    private static partial void LogOrdered(ILogger logger, string cluster, string destination, DestinationMode mode);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "No destination of cluster {Cluster} is available: the last one, {Destination}, was ordered to be {Mode}")]
    private static partial void LogNoneLeft(ILogger logger, string cluster, string destination, DestinationMode mode);
}
