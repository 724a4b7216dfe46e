using System.Runtime.CompilerServices;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>A cluster as one route sees it: YARP takes the longest silence from the cluster, and a route may have its own.</summary>
internal static class RouteCluster
{
    private static readonly ConditionalWeakTable<RouteSettings, ClusterModel> Models = [];

    /// <summary>Gives the request the route's own silence, if it has one.</summary>
    public static void Apply(HttpContext context, RouteSettings route)
    {
        var proxy = context.GetReverseProxyFeature();
        if ((proxy.Cluster.Config.HttpRequest?.ActivityTimeout ?? TimeoutSettings.DefaultIdle) == route.Timeouts.Idle)
        {
            return;
        }

        if (!Models.TryGetValue(route, out var model) || model.HttpClient != proxy.Cluster.HttpClient)
        {
            var config = proxy.Cluster.Config;
            var request = (config.HttpRequest ?? new ForwarderRequestConfig()) with { ActivityTimeout = route.Timeouts.Idle };
            model = new ClusterModel(config with { HttpRequest = request }, proxy.Cluster.HttpClient);
            Models.AddOrUpdate(route, model);
        }

        context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature
        {
            Route = proxy.Route,
            Cluster = model,
            AllDestinations = proxy.AllDestinations,
            AvailableDestinations = proxy.AvailableDestinations,
        });
    }
}
