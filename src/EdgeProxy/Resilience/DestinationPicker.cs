using System.Collections.Frozen;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Chooses one of several destinations by the policy of their cluster.</summary>
internal sealed class DestinationPicker(IEnumerable<ILoadBalancingPolicy> policies)
{
    private readonly FrozenDictionary<string, ILoadBalancingPolicy> _policies =
        policies.ToFrozenDictionary(policy => policy.Name, StringComparer.OrdinalIgnoreCase);

    /// <param name="candidates">Destinations that may be chosen: the available ones, less those that were tried.</param>
    /// <returns>Null when there is no candidate.</returns>
    public DestinationState? Pick(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> candidates) =>
        candidates.Count switch
        {
            0 => null,
            1 => candidates[0],
            _ => PolicyOf(cluster).PickDestination(context, cluster, candidates),
        };

    private ILoadBalancingPolicy PolicyOf(ClusterState cluster) =>
        _policies[cluster.Model.Config.LoadBalancingPolicy ?? LoadBalancingPolicies.PowerOfTwoChoices];
}
