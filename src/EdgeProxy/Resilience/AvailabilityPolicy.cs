using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Which destinations get requests: those that are up and that nothing is known against.</summary>
/// <param name="name">`HealthyAndUnknown`, or `HealthyOrPanic`, which takes all that are up when nothing else is left.</param>
internal sealed class AvailabilityPolicy(string name) : IAvailableDestinationsPolicy
{
    private readonly bool _panics = name == HealthCheckConstants.AvailableDestinations.HealthyOrPanic;

    public string Name => name;

    public IReadOnlyList<DestinationState> GetAvailalableDestinations(
        ClusterConfig config, IReadOnlyList<DestinationState> allDestinations)
    {
        List<DestinationState> up = [.. allDestinations.Where(known => DestinationRuntime.Of(known).Mode == DestinationMode.Up)];
        List<DestinationState> sound = [.. up.Where(IsSound)];
        return sound.Count == 0 && _panics ? up : sound;
    }

    /// <summary>No check speaks against it.</summary>
    public static bool IsSound(DestinationState destination) =>
        destination.Health.Active != DestinationHealth.Unhealthy && destination.Health.Passive != DestinationHealth.Unhealthy;
}
