using EdgeProxy.Errors;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace EdgeProxy.RateLimiting;

internal static class RateLimitingServices
{
    public static void AddEdgeRateLimiting(this IServiceCollection services)
    {
        services.AddSingleton<MemoryBucketStore>();
        services.AddSingleton<EdgeRateLimiter>();
        services.AddRateLimiter(_ => { });
        services.AddSingleton<IConfigureOptions<RateLimiterOptions>>(provider =>
            new ConfigureOptions<RateLimiterOptions>(options =>
            {
                options.GlobalLimiter = provider.GetRequiredService<EdgeRateLimiter>();
                options.OnRejected = (rejected, _) =>
                {
                    Refuse(rejected.HttpContext);
                    return ValueTask.CompletedTask;
                };
            }));
    }

    private static void Refuse(HttpContext context)
    {
        var verdict = context.Edge().RateLimits!;
        context.Edge().Failure ??= new EdgeFailure(EdgeErrors.RateLimited)
        {
            RetryAfterSeconds = verdict.RetryAfter is { } wait ? Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : null,
            ViolatedPolicies = verdict.Violated,
        };
    }
}
