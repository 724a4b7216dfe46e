using System.Collections.Concurrent;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>
/// The gates of routes with `Concurrency`, by id, over reloads. A gate stands around the endpoint of its route, and not in the
/// pipeline: routes without one do not even ask. YARP calls what changes them, a change at a time.
/// </summary>
internal sealed class RouteGates(GateQueue queue) : IConfigChangeListener
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
    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
        var routes = proxyConfigs.SelectMany(config => config.Routes, (_, route) => route.RouteId)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (route, _) in _gates)
        {
            if (!routes.Contains(route))
            {
                _gates.TryRemove(route, out _);
            }
        }
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
    }

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    public RequestDelegate Around(Gate gate, RequestDelegate next) => async context =>
    {
        if (!gate.TryEnter() && !await queue.WaitAsync(gate, new GateWaiter(), context))
        {
            return;
        }

        var upload = gate.Uploads.Enter(context.Edge());
        try
        {
            await next(context);
        }
        finally
        {
            gate.Uploads.Leave(upload);
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
