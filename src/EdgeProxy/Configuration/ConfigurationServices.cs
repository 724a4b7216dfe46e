using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

internal static class ConfigurationServices
{
    /// <summary>The active revision, and all that replaces it when the files change.</summary>
    public static void AddEdgeConfiguration(this IServiceCollection services, RunOptions options, StartingPoint start)
    {
        services.AddSingleton(new Revisions(start.Revision!));
        services.AddSingleton<RevisionConfigProvider>();
        services.AddSingleton<IProxyConfigProvider>(provider => provider.GetRequiredService<RevisionConfigProvider>());
        services.AddSingleton<IConfigChangeListener>(provider => provider.GetRequiredService<RevisionConfigProvider>());
        services.AddSingleton(start);
        services.AddSingleton(provider => new ReloadStatus(start.ToOutcome(provider.GetRequiredService<TimeProvider>().GetUtcNow())));
        services.AddSingleton<ConfigurationMetrics>();
        services.AddSingleton<RereadRequests>();
        services.AddSingleton<RoutingWarmUp>();
        services.AddSingleton<RetiringClusters>();
        services.AddSingleton<ConfigurationReload>();
        services.AddSingleton(_ => new LastGoodStore(options.StateFolder)); // made here, so that it is disposed with the rest
        services.AddHostedService<ConfigurationWorker>();
    }
}
