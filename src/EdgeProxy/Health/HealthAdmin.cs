using EdgeProxy.Configuration;
using Yarp.ReverseProxy;

namespace EdgeProxy.Health;

/// <summary>What the edge routes by and how its destinations fare, for people and their tools.</summary>
internal static class HealthAdmin
{
    public static void MapClusters(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var state = edge.GetRequiredService<IProxyStateLookup>();
        var reasons = edge.GetRequiredService<HealthReasons>();
        var revisions = edge.GetRequiredService<Revisions>();

        admin.MapGet("/routes", () => state.GetRoutes()
                .OrderBy(route => route.Config.RouteId, StringComparer.Ordinal)
                .Select(route => RouteView.Of(route.Config, revisions.Current.Routes.GetValueOrDefault(route.Config.RouteId)))
                .ToList())
            .WithSummary("Routes in effect, with their defaults filled in.");

        admin.MapGet("/clusters", () => state.GetClusters()
                .OrderBy(cluster => cluster.ClusterId, StringComparer.Ordinal)
                .Select(cluster => ClusterView.Of(cluster, reasons))
                .ToList())
            .WithSummary("Clusters in effect, with their defaults filled in, and their destinations' state.");

        admin.MapGet("/clusters/{id}", (string id) => state.TryGetCluster(id, out var cluster)
                ? Results.Ok(ClusterView.Of(cluster, reasons))
                : Results.NotFound())
            .Produces<ClusterView>()
            .WithSummary("One cluster.");
    }
}
