using Yarp.ReverseProxy.ServiceDiscovery;

namespace EdgeProxy.Upstreams;

internal static class UpstreamServices
{
    /// <summary>How connections to destinations are made, and whose they are.</summary>
    public static void AddEdgeUpstreams(this IServiceCollection services)
    {
        services.AddSingleton<AdminEndpoint>();
        services.AddSingleton<ConnectStep>();
        services.AddSingleton<OwnConnections>();
        services.AddSingleton<NameLookup>();
        services.AddSingleton(provider => new NameTable(
            provider.GetRequiredService<NameLookup>().FindAsync,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<NameTable>>()));
        services.AddSingleton<IDestinationResolver, EndpointResolver>(); // before YARP's, which gives way
        services.AddHostedService<NameWorker>();
    }
}
