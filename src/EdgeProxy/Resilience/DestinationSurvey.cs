using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>How a cluster's destinations fare, seen from one of them.</summary>
internal readonly record struct DestinationSurvey(int Up, int Ejected, int SoundOthers)
{
    public static DestinationSurvey Of(ClusterState cluster, DestinationState one, TimeSpan now)
    {
        var (up, ejected, others) = (0, 0, 0);
        foreach (var (_, destination) in cluster.Destinations)
        {
            var runtime = DestinationRuntime.Of(destination);
            if (runtime.Mode == DestinationMode.Up)
            {
                up++;
                ejected += IsOut(runtime) && destination != one ? 1 : 0;
            }
        }

        foreach (var destination in cluster.DestinationsState.AvailableDestinations)
        {
            var runtime = DestinationRuntime.Of(destination);
            others += destination != one && !IsOut(runtime) && runtime.Circuit.ReasonToOpen(now) is null ? 1 : 0;
        }

        return new DestinationSurvey(up, ejected, others);
    }

    private static bool IsOut(DestinationRuntime runtime) =>
        runtime.Circuit.Breaker.State is BreakerState.Open or BreakerState.HalfOpen;
}
