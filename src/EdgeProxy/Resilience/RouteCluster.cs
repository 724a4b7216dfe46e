using System.Runtime.CompilerServices;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>A cluster as one route sees it: YARP takes the longest silence from the cluster, and a route may have its own.</summary>
internal static class RouteCluster
{
    private static readonly ConditionalWeakTable<object, ClusterModel> Models = [];

    /// <summary>Gives the request the route's own silence, if it has one.</summary>
    public static void Apply(HttpContext context, EdgeContext edge)
    {
        var proxy = context.GetReverseProxyFeature();
        var idle = edge.Timeouts.Idle;
        if ((proxy.Cluster.Config.HttpRequest?.ActivityTimeout ?? TimeoutSettings.DefaultIdle) == idle)
        {
            return;
        }

        object owner = edge.OtherTimeouts is null ? edge.Route! : edge.Route!.Fallback!;
        if (!Models.TryGetValue(owner, out var model) || model.HttpClient != proxy.Cluster.HttpClient)
        {
            var config = proxy.Cluster.Config;
            var request = (config.HttpRequest ?? new ForwarderRequestConfig()) with { ActivityTimeout = idle };
            model = new ClusterModel(config with { HttpRequest = request }, proxy.Cluster.HttpClient);
            Models.AddOrUpdate(owner, model);
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
