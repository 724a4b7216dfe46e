using System.Collections.Concurrent;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>
/// The gates of routes with `Concurrency`, by id, over reloads. A gate stands around the endpoint of its route, and not in the
/// pipeline: routes without one do not even ask.
/// </summary>
internal sealed class RouteGates(GateQueue queue)
{
    private readonly ConcurrentDictionary<string, Gate> _gates = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Null when the route has none.</summary>
    public Gate? Find(string route) => _gates.GetValueOrDefault(route);

    /// <summary>Takes over what a revision says of a route, for those under way and in the queue too.</summary>
    public Gate? Apply(string route, ConcurrencySettings? settings)
    {
        if (settings is null)
        {
            if (_gates.TryRemove(route, out var left))
            {
                left.Apply(ConcurrencySettings.None);
            }

            return null;
        }

        var gate = _gates.GetOrAdd(route, static (_, settings) => new Gate(settings), settings);
        gate.Apply(settings);
        return gate;
    }

    /// <summary>Forgets the gates of routes that are no longer there; requests that wait there enter as room comes.</summary>
    public void Forget(Revisions revisions)
    {
        foreach (var (route, _) in _gates)
        {
            if (!revisions.Current.Routes.ContainsKey(route) && !revisions.Offered.Routes.ContainsKey(route))
            {
                _gates.TryRemove(route, out _);
            }
        }
    }

    public RequestDelegate Around(Gate gate, RequestDelegate next) => async context =>
    {
        if (!gate.TryEnter() && !await queue.WaitAsync(gate, new GateWaiter(), context))
        {
            return;
        }

        try
        {
            await next(context);
        }
        finally
        {
            gate.Leave();
        }
    };
}

internal static class RouteGatesConvention
{
    /// <summary>Puts gates around YARP's endpoints as the revision being applied has them.</summary>
    public static ReverseProxyConventionBuilder WithRouteGates(
        this ReverseProxyConventionBuilder endpoints, IServiceProvider services)
    {
        var revisions = services.GetRequiredService<Revisions>();
        var gates = services.GetRequiredService<RouteGates>();
        return endpoints.ConfigureEndpoints((IEndpointConventionBuilder endpoint, RouteConfig route) =>
        {
            if (gates.Apply(route.RouteId, revisions.Offered.Routes[route.RouteId].Concurrency) is { } gate)
            {
                endpoint.Add(builder => builder.RequestDelegate = gates.Around(gate, builder.RequestDelegate!));
            }
        });
    }
}
