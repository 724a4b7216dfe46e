namespace EdgeProxy.AccessLog;

internal static class AccessLogServices
{
    /// <summary>What was decided for each request, for the log and for clients that may ask.</summary>
    public static void AddEdgeAccessLog(this IServiceCollection services)
    {
        services.AddSingleton<AccessLogQueue>();
        services.AddSingleton<DecisionTokens>();
        services.AddSingleton<RequestRecorder>();
        services.AddHostedService<AccessLogWorker>();
    }
}
