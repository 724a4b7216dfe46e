using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Fallbacks;

internal static class FallbackServices
{
    /// <summary>What routes with `Fallback` need; the others never meet it.</summary>
    public static void AddEdgeFallbacks(this IServiceCollection services)
    {
        services.AddSingleton<FallbackMetrics>();
        services.AddSingleton<StaleCache>();
        services.AddSingleton<ITransformProvider, FallbackTransforms>();
    }
}
