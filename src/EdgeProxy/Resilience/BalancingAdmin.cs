using EdgeProxy.Configuration;
using Yarp.ReverseProxy;

namespace EdgeProxy.Resilience;

internal sealed record StateOrder(string? State);

/// <param name="Lasts">How long the order holds, in words.</param>
/// <param name="Warning">What is wrong with the cluster now; null when nothing is.</param>
internal sealed record StateOrdered(string Cluster, string Destination, string State, string Lasts, string? Warning);

/// <summary>Orders to destinations: take requests, drain, or take none.</summary>
internal static class BalancingAdmin
{
    private const string NoOrderLeft = "as configured: no order is left";

    private const string Lasts = "until a reload changes the configured state or address of this destination, or the process ends";

    private const string NoneLeft = "no destination of the cluster is available";

    public static void MapDestinations(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var state = edge.GetRequiredService<IProxyStateLookup>();
        var keeper = edge.GetRequiredService<DestinationKeeper>();

        admin.MapPut("/clusters/{id}/destinations/{destination}/state", (string id, string destination, StateOrder order) =>
            {
                if (!state.TryGetCluster(id, out var cluster)
                    || cluster.Destinations().FirstOrDefault(one => one.Key.Equals(destination, StringComparison.OrdinalIgnoreCase))
                        is not { } known)
                {
                    return Results.NotFound();
                }

                if (!Enum.TryParse<DestinationMode>(order.State, ignoreCase: true, out var mode)
                    || !mode.ToString().Equals(order.State, StringComparison.OrdinalIgnoreCase)) // numbers, lists and blanks parse, too
                {
                    return Results.BadRequest();
                }

                keeper.Order(cluster, known, mode);
                var lasts = known.Any(one => DestinationRuntime.Of(one).IsOrdered) ? Lasts : NoOrderLeft;
                var warning = cluster.DestinationsState.AvailableDestinations.Count == 0 ? NoneLeft : null;
                return Results.Ok(new StateOrdered(cluster.ClusterId, known.Key, mode.ToString(), lasts, warning));
            })
            .Produces<StateOrdered>()
            .WithSummary("Order a destination to be Up, Draining or Down. " + char.ToUpperInvariant(Lasts[0]) + Lasts[1..]
                + ". What is configured anyway ends the last order.");
    }
}
