using Yarp.ReverseProxy;

namespace EdgeProxy.Health;

/// <summary>Clusters and how their destinations fare, for people and their tools.</summary>
internal static class HealthAdmin
{
    public static void MapClusters(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var state = edge.GetRequiredService<IProxyStateLookup>();
        var reasons = edge.GetRequiredService<HealthReasons>();
        var keeper = edge.GetRequiredService<DestinationHealthKeeper>();

        admin.MapGet("/clusters", () => state.GetClusters()
                .OrderBy(cluster => cluster.ClusterId, StringComparer.Ordinal)
                .Select(cluster => ClusterView.Of(cluster, reasons, keeper))
                .ToList())
            .WithSummary("Clusters in effect, with their defaults filled in, and their destinations' states: since when, why, and until "
                + "when if time alone ends one.");

        admin.MapGet("/clusters/{id}", (string id) => state.TryGetCluster(id, out var cluster)
                ? Results.Ok(ClusterView.Of(cluster, reasons, keeper))
                : Results.NotFound())
            .Produces<ClusterView>()
            .WithSummary("One cluster.");
    }
}
