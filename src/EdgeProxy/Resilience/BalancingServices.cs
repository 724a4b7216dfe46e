using EdgeProxy.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

internal static class BalancingServices
{
    /// <summary>Who gets requests, and how many: our policies in place of YARP's, under their names.</summary>
    public static void AddBalancing(this IServiceCollection services)
    {
        services.AddSingleton(Random.Shared);
        services.AddSingleton<DestinationPicker>();
        services.AddSingleton<Balancer>();
        services.AddSingleton<Breakers>();
        services.AddSingleton<Attempts>();
        services.AddSingleton<OtherCluster>();
        services.AddSingleton<ReplayRoom>();
        services.AddSingleton<BreakerMetrics>();
        services.AddHostedService(provider => provider.GetRequiredService<BreakerMetrics>());
        services.AddHostedService<GateMetrics>();
        services.Wrap<IClusterDestinationsUpdater, AvailabilityUpdater>();
        services.AddSingleton<DestinationKeeper>();
        services.AddSingleton<IClusterChangeListener>(provider => provider.GetRequiredService<DestinationKeeper>());

        services.RemoveAll<ILoadBalancingPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, PickTwoPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, RandomPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, RoundRobinPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, LeastRequestsPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, FirstAlphabeticalPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, ConsistentHashPolicy>();

        services.RemoveAll<IAvailableDestinationsPolicy>();
        services.AddSingleton<IAvailableDestinationsPolicy>(provider => new AvailabilityPolicy(
            HealthCheckConstants.AvailableDestinations.HealthyAndUnknown, provider.GetRequiredService<Revisions>()));
        services.AddSingleton<IAvailableDestinationsPolicy>(provider => new AvailabilityPolicy(
            HealthCheckConstants.AvailableDestinations.HealthyOrPanic, provider.GetRequiredService<Revisions>()));
    }

    /// <summary>Puts <typeparamref name="TOuter"/> around the implementation that is registered.</summary>
    private static void Wrap<TService, TOuter>(this IServiceCollection services)
        where TService : class
        where TOuter : class, TService
    {
        var inner = services.Last(service => service.ServiceType == typeof(TService)).ImplementationType!;
        services.AddSingleton(inner);
        services.Replace(ServiceDescriptor.Singleton<TService>(provider =>
            ActivatorUtilities.CreateInstance<TOuter>(provider, provider.GetRequiredService(inner))));
    }
}
