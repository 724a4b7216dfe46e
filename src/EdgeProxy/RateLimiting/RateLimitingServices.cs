using EdgeProxy.Redis;
using Yarp.ReverseProxy.Transforms.Builder;

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

        services.AddSingleton<ReportedCosts>();
        services.AddSingleton<CostSettlement>();
        services.AddSingleton<ITransformProvider, CostTransforms>();
        services.AddSingleton<TopClients>();
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
