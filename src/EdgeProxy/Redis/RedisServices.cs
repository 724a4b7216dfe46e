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
        if (options.Redis is not { } connectionString)
        {
            return;
        }

        services.AddSingleton(RedisOptions.Parse(connectionString));
        services.AddSingleton<StoreServers>();
        services.AddSingleton<CallDeadlines>();
        services.AddSingleton<RedisStore>();
        services.AddHostedService<StoreWorker>();
    }
}
