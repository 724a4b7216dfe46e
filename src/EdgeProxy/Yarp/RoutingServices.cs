using Microsoft.AspNetCore.Routing.Matching;

namespace EdgeProxy.Yarp;

internal static class RoutingServices
{
    /// <summary>Routing that never fails on a request for having two answers. After all that adds routing itself.</summary>
    public static void AddEdgeRouting(this IServiceCollection services)
    {
        services.AddRouting();
        foreach (var platform in services.Where(service => service.ImplementationType == typeof(HostMatcherPolicy)).ToList())
        {
            services.Remove(platform);
        }

        services.AddSingleton<MatcherPolicy, HostPolicy>();
        services.AddSingleton<MatcherPolicy, TiePolicy>();
    }
}
