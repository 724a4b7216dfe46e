using System.Text.Json.Nodes;
using EdgeProxy.Configuration;
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
        var revisions = edge.GetRequiredService<Revisions>();

        admin.MapGet("/clusters", () => state.GetClusters()
                .OrderBy(cluster => cluster.ClusterId, StringComparer.Ordinal)
                .Select(cluster => Show(ClusterView.Of(cluster, reasons, keeper), revisions))
                .ToList())
            .Produces<List<ClusterView>>()
            .WithSummary("Clusters in effect, with their defaults filled in, and their destinations' states: since when, why, and until "
                + "when if time alone ends one.");

        admin.MapGet("/clusters/{id}", (string id) => state.TryGetCluster(id, out var cluster)
                ? Results.Ok(Show(ClusterView.Of(cluster, reasons, keeper), revisions))
                : Results.NotFound())
            .Produces<ClusterView>()
            .WithSummary("One cluster.");
    }

    /// <summary>As written where variables are; in the moment of a reload a cluster may be of either revision.</summary>
    private static JsonNode Show(ClusterView view, Revisions revisions)
    {
        var offered = revisions.Offered.WrittenInClusters.GetValueOrDefault(view.Id, WrittenValues.None);
        return revisions.Current.WrittenInClusters.GetValueOrDefault(view.Id, WrittenValues.None).Over(offered.Show(view));
    }
}
