using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Which destinations get requests: those that are up and that nothing is known against.</summary>
/// <param name="name">`HealthyAndUnknown`, or `HealthyOrPanic`, which takes all that are up when nothing else is left.</param>
internal sealed class AvailabilityPolicy(string name, Revisions revisions) : IAvailableDestinationsPolicy
{
    private readonly bool _panics = name == HealthCheckConstants.AvailableDestinations.HealthyOrPanic;

    public string Name => name;

    public IReadOnlyList<DestinationState> GetAvailalableDestinations(
        ClusterConfig config, IReadOnlyList<DestinationState> allDestinations)
    {
        List<DestinationState> up = [.. allDestinations.Where(known => DestinationRuntime.Of(known).Mode == DestinationMode.Up)];
        List<DestinationState> sound = [.. up.Where(IsSound)];
        var threshold = revisions.Offered.Clusters.GetValueOrDefault(config.ClusterId)?.PanicThreshold ?? 0;
        return (sound.Count == 0 && _panics) || (up.Count > 1 && sound.Count < threshold * up.Count) ? up : sound;
    }

    /// <summary>No check speaks against it, and neither does its breaker.</summary>
    public static bool IsSound(DestinationState destination) =>
        destination.Health.Active != DestinationHealth.Unhealthy
        && destination.Health.Passive != DestinationHealth.Unhealthy
        && DestinationRuntime.Of(destination).Circuit.Breaker.State != BreakerState.Open;

    /// <summary>Some that get requests ought not to: there are too few others.</summary>
    public static bool IsPanic(ClusterState cluster) => cluster.DestinationsState.AvailableDestinations.Any(one => !IsSound(one));
}
