using EdgeProxy.Configuration;
using Yarp.ReverseProxy;

namespace EdgeProxy.Resilience;

/// <summary>Orders to breakers: to be closed.</summary>
internal static class BreakerAdmin
{
    public static void MapBreakers(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var state = edge.GetRequiredService<IProxyStateLookup>();
        var breakers = edge.GetRequiredService<Breakers>();

        admin.MapDelete("/clusters/{id}/breaker", (string id) =>
            {
                if (!state.TryGetCluster(id, out var cluster))
                {
                    return Results.NotFound();
                }

                breakers.Close(cluster, null);
                return Results.NoContent();
            })
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Close the breaker of a cluster, and forget what it has counted and how often it has opened. Those of its "
                + "destinations stay as they are.");

        admin.MapDelete("/clusters/{id}/destinations/{destination}/breaker", (string id, string destination) =>
            {
                if (!state.TryGetCluster(id, out var cluster)
                    || cluster.Destinations().FirstOrDefault(one => one.Key.Equals(destination, StringComparison.OrdinalIgnoreCase))
                        is not { } endpoints)
                {
                    return Results.NotFound();
                }

                foreach (var endpoint in endpoints)
                {
                    breakers.Close(cluster, endpoint);
                }

                return Results.NoContent();
            })
            .Produces(StatusCodes.Status204NoContent)
            .WithSummary("Close the breaker of a destination, which ends its ejection, and forget what it has counted and how often it "
                + "has opened.");
    }
}
