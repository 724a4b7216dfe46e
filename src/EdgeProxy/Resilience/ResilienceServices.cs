using EdgeProxy.Yarp;
using Microsoft.AspNetCore.DataProtection;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Resilience;

internal static class ResilienceServices
{
    /// <summary>
    /// The affinity policies Cookie and CustomHeader encrypt what they write. Their keys live and die with the process: nothing is
    /// written to a home folder, and a cookie of another process counts as none. (HashCookie, the default, needs no keys.)
    /// </summary>
    private static void AddKeysOfThisProcess(this IServiceCollection services)
    {
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        var keyRing = services.First(service => service.ImplementationType?.Name == "DataProtectionHostedService");
        services.Remove(keyRing); // would make a key ring on disk at the start
    }

    /// <summary>YARP, with our client under it and our transforms around those of each route.</summary>
    public static IReverseProxyBuilder AddEdgeReverseProxy(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<AttemptMetrics>();
        services.AddSingleton<UpstreamSockets>();
        services.AddSingleton<IForwarderHttpClientFactory, UpstreamClientFactory>(); // before YARP's, which gives way
        services.AddSingleton<ITransformFactory, EdgeTransformFactory>(); // before YARP's: the first one that takes a transform builds it
        var proxy = services.AddReverseProxy().AddTransforms<EdgeTransformProvider>();
        services.AddBalancing();
        services.AddKeysOfThisProcess();
        return proxy;
    }
}
