namespace EdgeProxy.Metrics;

internal static class MetricsServices
{
    public static void AddEdgeMetrics(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<MetricCollector>();
        services.AddSingleton<ProcessMetrics>();
        services.AddSingleton<RequestMetrics>();
    }

    /// <summary>Begins to collect. Before anything else of the edge is made: what is measured earlier is lost.</summary>
    public static void StartMetrics(this IServiceProvider services)
    {
        services.GetRequiredService<MetricCollector>();
        services.GetRequiredService<ProcessMetrics>();
        services.GetRequiredService<RequestMetrics>();
    }
}
