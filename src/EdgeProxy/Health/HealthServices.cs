using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

internal static class HealthServices
{
    /// <summary>Active and passive health checks of the edge. After YARP's own, some of which give way.</summary>
    public static void AddEdgeHealth(this IServiceCollection services)
    {
        services.AddSingleton<HealthReasons>();
        services.AddSingleton<DestinationHealthKeeper>();
        services.Replace(ServiceDescriptor.Singleton<IDestinationHealthUpdater>(p => p.GetRequiredService<DestinationHealthKeeper>()));
        var probes = services.Single(service => service.ServiceType == typeof(IProbingRequestFactory)).ImplementationType!;
        services.Replace(ServiceDescriptor.Singleton<IProbingRequestFactory>(
            provider => new ProbingRequests((IProbingRequestFactory)ActivatorUtilities.CreateInstance(provider, probes))));
        services.RemoveAll<IActiveHealthCheckPolicy>(); // YARP's only one, replaced under its name
        services.AddSingleton<IActiveHealthCheckPolicy, ConsecutiveFailuresPolicy>();
        services.AddSingleton<IPassiveHealthCheckPolicy, FailureRatePolicy>();
        services.AddSingleton<IClusterChangeListener, DestinationArrivals>();
        services.AddHostedService<HealthMetrics>();
    }
}
