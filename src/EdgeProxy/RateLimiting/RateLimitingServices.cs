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
        services.AddSingleton<IBucketStore>(provider => provider.GetService<RedisStore>() is { } shared
            ? new RedisBucketStore(shared, provider.GetRequiredService<MemoryBucketStore>())
            : provider.GetRequiredService<MemoryBucketStore>());
        services.AddSingleton(provider => new CostSettlement(
            provider.GetRequiredService<MemoryBucketStore>(),
            provider.GetRequiredService<RateLimitMetrics>(),
            provider.GetService<RedisStore>()));
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
}
