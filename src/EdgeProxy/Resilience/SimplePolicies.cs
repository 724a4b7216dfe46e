using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>`Random`: by chance, as often as weights say.</summary>
internal sealed class RandomPolicy(Random random) : ILoadBalancingPolicy
{
    public string Name => LoadBalancingPolicies.Random;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations) =>
        availableDestinations[WeightedDraw.One(availableDestinations, ClusterRuntime.Of(cluster).IsWeighted, random)];
}

/// <summary>`RoundRobin`: in turn. With weights, so many turns of each in a round as its weight says, spread over the round.</summary>
internal sealed class RoundRobinPolicy : ILoadBalancingPolicy
{
    public string Name => LoadBalancingPolicies.RoundRobin;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var runtime = ClusterRuntime.Of(cluster);
        var turn = runtime.NextTurn();
        if (!runtime.IsWeighted)
        {
            return availableDestinations[(int)(turn % (uint)availableDestinations.Count)];
        }

        var round = (uint)WeightedDraw.WeightOf(availableDestinations);
        var point = turn % round * StrideOf(round) % round;
        return availableDestinations[WeightedDraw.At(availableDestinations, (int)point, -1)];
    }

    /// <summary>A step that visits each place of a round once, and never two neighbours in a row if it can be helped.</summary>
    public static ulong StrideOf(uint round)
    {
        var stride = (uint)(round * 0.618) | 1;
        while (GreatestCommonDivisor(stride, round) != 1)
        {
            stride += 2;
        }

        return stride;
    }

    private static uint GreatestCommonDivisor(uint a, uint b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}

/// <summary>`LeastRequests`: the fewest requests in flight for its weight; among equals, in turn.</summary>
internal sealed class LeastRequestsPolicy : ILoadBalancingPolicy
{
    public string Name => LoadBalancingPolicies.LeastRequests;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var (best, least) = (availableDestinations[0], double.MaxValue);
        var turn = (int)(ClusterRuntime.Of(cluster).NextTurn() % (uint)availableDestinations.Count);
        for (var i = 0; i < availableDestinations.Count; i++)
        {
            var destination = availableDestinations[(turn + i) % availableDestinations.Count];
            var load = DestinationRuntime.Of(destination).Load;
            if (load < least)
            {
                (best, least) = (destination, load);
            }
        }

        return best;
    }
}

/// <summary>`FirstAlphabetical`: the first by id; the others stand by. Weights mean nothing to it.</summary>
internal sealed class FirstAlphabeticalPolicy : ILoadBalancingPolicy
{
    public string Name => LoadBalancingPolicies.FirstAlphabetical;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var first = availableDestinations[0];
        for (var i = 1; i < availableDestinations.Count; i++)
        {
            var next = availableDestinations[i];
            first = string.Compare(next.DestinationId, first.DestinationId, StringComparison.OrdinalIgnoreCase) < 0 ? next : first;
        }

        return first;
    }
}
