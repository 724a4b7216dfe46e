using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// `PowerOfTwoChoices`: of two destinations drawn by weight the one with fewer requests in flight for its weight. The first one
/// drawn is taken at once when it is idle, so that a quiet cluster is shared by weight too.
/// </summary>
internal sealed class PickTwoPolicy(Random random) : ILoadBalancingPolicy
{
    public string Name => LoadBalancingPolicies.PowerOfTwoChoices;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var isWeighted = ClusterRuntime.Of(cluster).IsWeighted;
        var first = WeightedDraw.One(availableDestinations, isWeighted, random);
        var known = DestinationRuntime.Of(availableDestinations[first]);
        if (known.InFlight == 0)
        {
            return availableDestinations[first];
        }

        var second = WeightedDraw.Other(availableDestinations, first, isWeighted, random);
        return availableDestinations[DestinationRuntime.Of(availableDestinations[second]).Load < known.Load ? second : first];
    }
}
