using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// Watches reloads for destinations that are new, or new at their address: their health begins at unknown, and they are probed at
/// once, where YARP waits a whole interval.
/// </summary>
internal sealed class DestinationArrivals(IServiceProvider services, DestinationHealthKeeper keeper) : IClusterChangeListener
{
    private readonly ConditionalWeakTable<DestinationState, string> _addresses = [];

    public void OnClusterAdded(ClusterState cluster) => ProbeArrivals(cluster);

    public void OnClusterChanged(ClusterState cluster)
    {
        keeper.ForgetRemoved(cluster, isGone: false);
        ProbeArrivals(cluster);
    }

    public void OnClusterRemoved(ClusterState cluster) => keeper.ForgetRemoved(cluster, isGone: true);

    private void ProbeArrivals(ClusterState cluster)
    {
        var hasNews = false;
        foreach (var (_, destination) in cluster.Destinations)
        {
            var address = destination.Model.Config.Address;
            var isKnown = _addresses.TryGetValue(destination, out var last);
            if (isKnown && last != address)
            {
                keeper.Reset(cluster, destination);
            }

            hasNews |= last != address;
            _addresses.AddOrUpdate(destination, address);
        }

        // At start YARP probes everything itself. The monitor depends on the listeners, so it is asked for late.
        var monitor = services.GetRequiredService<IActiveHealthCheckMonitor>();
        if (hasNews && monitor.InitialProbeCompleted && cluster.Model.Config.HealthCheck?.Active?.Enabled is true)
        {
            _ = monitor.CheckHealthAsync([cluster]);
        }
    }
}
