using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Errors;

internal static class ErrorServices
{
    public static void AddEdgeErrors(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<ErrorMetrics>();
        services.AddSingleton<FailureLog>();
        services.AddSingleton<IConfigChangeListener, ZeroSeries>();
    }
}
