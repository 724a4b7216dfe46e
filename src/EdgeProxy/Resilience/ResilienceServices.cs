using EdgeProxy.Yarp;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

internal static class ResilienceServices
{
    /// <summary>YARP, with our client under it and our transforms around those of each route.</summary>
    public static IReverseProxyBuilder AddEdgeReverseProxy(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<AttemptMetrics>();
        services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>(); // before YARP's, which gives way
        return services.AddReverseProxy().AddTransforms<EdgeTransformProvider>();
    }
}
