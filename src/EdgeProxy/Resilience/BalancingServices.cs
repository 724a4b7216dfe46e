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
        services.AddSingleton<DestinationKeeper>();
        services.AddSingleton<IClusterChangeListener>(provider => provider.GetRequiredService<DestinationKeeper>());

        services.RemoveAll<ILoadBalancingPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, PickTwoPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, RandomPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, RoundRobinPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, LeastRequestsPolicy>();
        services.AddSingleton<ILoadBalancingPolicy, FirstAlphabeticalPolicy>();

        services.RemoveAll<IAvailableDestinationsPolicy>();
        services.AddSingleton<IAvailableDestinationsPolicy>(
            new AvailabilityPolicy(HealthCheckConstants.AvailableDestinations.HealthyAndUnknown));
        services.AddSingleton<IAvailableDestinationsPolicy>(
            new AvailabilityPolicy(HealthCheckConstants.AvailableDestinations.HealthyOrPanic));
    }
}
