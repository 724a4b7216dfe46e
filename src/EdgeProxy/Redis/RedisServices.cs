using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;

namespace EdgeProxy.Redis;

internal static class RedisServices
{
    /// <summary>The shared store; nothing but its metrics when the configuration names none.</summary>
    public static void AddEdgeRedis(this IServiceCollection services, StoreOptions options)
    {
        services.AddMetrics();
        services.AddSingleton(provider => new RedisMetrics(
            provider.GetRequiredService<IMeterFactory>(), provider.GetService<StoreServers>()));
        if (!options.IsShared)
        {
            return;
        }

        services.AddSingleton(options);
        services.AddSingleton(_ => StoreNames.OfSystem());
        services.AddSingleton<StoreConnector>();
        services.AddSingleton<StoreServers>();
        services.AddSingleton<StoreStatus>();
        services.AddSingleton<CallDeadlines>();
        services.AddSingleton<RedisStore>();
        services.AddHostedService<StoreWorker>();
    }
}
