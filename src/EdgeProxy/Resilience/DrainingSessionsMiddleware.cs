using System.Collections;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Before affinity: a session may stay at a destination that is draining, so affinity is shown that one too.</summary>
internal sealed class DrainingSessionsMiddleware(RequestDelegate next)
{
    public Task Invoke(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        if (proxy.Route.Cluster is { } cluster
            && proxy.Cluster.Config.SessionAffinity is { Enabled: true }
            && ClusterRuntime.Of(cluster).HasDraining)
        {
            proxy.AvailableDestinations = new DestinationsOfSessions(proxy.AvailableDestinations, proxy.AllDestinations);
        }

        return next(context);
    }
}

/// <summary>What a session may be bound to. A request that turns out to have no session gets <see cref="ForAll"/>.</summary>
internal sealed class DestinationsOfSessions(IReadOnlyList<DestinationState> forAll, IReadOnlyList<DestinationState> known)
    : IReadOnlyList<DestinationState>
{
    private readonly List<DestinationState> _destinations =
    [
        .. forAll,
        .. known.Where(one => DestinationRuntime.Of(one).Mode == DestinationMode.Draining && AvailabilityPolicy.IsSound(one)),
    ];

    public IReadOnlyList<DestinationState> ForAll => forAll;

    public int Count => _destinations.Count;

    public DestinationState this[int index] => _destinations[index];

    public IEnumerator<DestinationState> GetEnumerator() => _destinations.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
