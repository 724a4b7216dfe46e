namespace EdgeProxy.Redis;

/// <summary>How the shared store does, as this node sees it.</summary>
internal static class StoreAdmin
{
    public static void MapStore(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var status = edge.GetService<StoreStatus>();
        var servers = edge.GetService<StoreServers>();
        admin.MapGet("/store", () => status is null || servers is null ? StoreView.None : StoreView.Of(status, servers))
            .WithSummary("Whether limits are shared, since when, why not, and what is wrong with the store's own configuration.");
    }
}

/// <summary>Answer of `GET /v1/store`.</summary>
/// <param name="Shared">A store is configured; without one the rest says nothing.</param>
/// <param name="Reason">slow, silent, error or connection; null while it is up.</param>
/// <param name="Nodes">Edges that share it, as last heard.</param>
internal sealed record StoreView(
    bool Shared, bool Up, DateTimeOffset? Since, string? Reason, string? Detail, int Nodes, IReadOnlyList<StoreServerView> Servers)
{
    public static StoreView None { get; } = new(false, true, null, null, null, 1, []);

    public static StoreView Of(StoreStatus status, StoreServers servers) => new(
        true, servers.IsUp, status.Since, status.Reason, status.Detail, servers.Nodes,
        [.. servers.All.Select(server => new StoreServerView(
            server.Client is { } client ? status.Show(client.EndPoint) : null, server.IsUp, server.EvictionPolicy, server.Evicts))]);
}

/// <param name="Address">Null: there is one server only.</param>
/// <param name="MaxmemoryPolicy">As Redis has it; null: not known.</param>
/// <param name="Evicts">It is another than `noeviction`: buckets may vanish, and limits with them.</param>
internal sealed record StoreServerView(string? Address, bool Up, string? MaxmemoryPolicy, bool Evicts);
