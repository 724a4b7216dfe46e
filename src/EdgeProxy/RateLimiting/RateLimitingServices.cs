using EdgeProxy.Redis;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace EdgeProxy.RateLimiting;

internal static class RateLimitingServices
{
    public static void AddEdgeRateLimiting(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<RateLimitMetrics>();
        services.AddSingleton(provider => new MemoryBucketStore(provider.GetRequiredService<TimeProvider>()));
        if (services.Any(service => service.ServiceType == typeof(RedisStore)))
        {
            services.AddLeases();
        }
        else
        {
            services.AddSingleton<IBucketStore>(provider => provider.GetRequiredService<MemoryBucketStore>());
        }

        services.AddSingleton<CostSettlement>();
        services.AddSingleton<TopClients>();
        services.AddSingleton<EdgeRateLimiter>();
        services.AddRateLimiter(_ => { });
        services.AddSingleton<IConfigureOptions<RateLimiterOptions>>(provider =>
            new ConfigureOptions<RateLimiterOptions>(options =>
            {
                options.GlobalLimiter = provider.GetRequiredService<EdgeRateLimiter>();
                options.OnRejected = (rejected, _) =>
                {
                    RateLimitFields.Refuse(rejected.HttpContext);
                    return ValueTask.CompletedTask;
                };
            }));
    }

    /// <summary>The worker comes after the one that connects to the store, so that it stops before it and can give back.</summary>
    private static void AddLeases(this IServiceCollection services)
    {
        services.AddSingleton<ILeaseStore>(provider =>
            new RedisLeaseStore(provider.GetRequiredService<RedisStore>(), LeaseOptions.Default));
        services.AddSingleton(_ => new LeaseNode(LeaseOptions.Default));
        services.AddSingleton(provider => new LeasedBucketStore(
            provider.GetRequiredService<LeaseNode>(),
            provider.GetRequiredService<ILeaseStore>(),
            provider.GetRequiredService<RedisStore>(),
            ActivatorUtilities.CreateInstance<RedisBucketStore>(provider),
            provider.GetRequiredService<MemoryBucketStore>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IBucketStore>(provider => provider.GetRequiredService<LeasedBucketStore>());
        services.AddHostedService<LeaseWorker>();
    }
}
