using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EdgeProxy.Yarp;

internal static class RoutingServices
{
    /// <summary>
    /// Routing that never fails on a request for having two answers, nor is held up by a pattern. After all that adds routing itself.
    /// </summary>
    public static void AddEdgeRouting(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddRouting(options => options.SetParameterPolicy<RegexConstraint>("regex"));
        foreach (var platform in services.Where(service => service.ImplementationType == typeof(HostMatcherPolicy)).ToList())
        {
            services.Remove(platform);
        }

        services.AddSingleton<MatcherPolicy, HostPolicy>();
        services.AddSingleton<MatcherPolicy, TiePolicy>();
    }
}
