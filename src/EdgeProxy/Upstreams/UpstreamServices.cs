namespace EdgeProxy.Upstreams;

internal static class UpstreamServices
{
    /// <summary>How connections to destinations are made, and whose they are.</summary>
    public static void AddEdgeUpstreams(this IServiceCollection services)
    {
        services.AddSingleton<AdminEndpoint>();
        services.AddSingleton<ConnectStep>();
        services.AddSingleton<OwnConnections>();
    }
}
