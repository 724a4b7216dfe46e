using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Shedding;

internal static class SheddingServices
{
    /// <summary>Bounds on what is under way at once, and what is refused when the process has too much.</summary>
    public static void AddEdgeShedding(this IServiceCollection services)
    {
        services.AddSingleton<GateQueue>();
        services.AddSingleton<RouteGates>();
        services.AddSingleton<IConfigChangeListener>(provider => provider.GetRequiredService<RouteGates>());
        services.AddSingleton<Overload>();
        services.AddSingleton<OverloadMetrics>();
        services.AddHostedService<OverloadWorker>();
    }
}
