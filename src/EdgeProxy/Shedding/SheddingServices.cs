namespace EdgeProxy.Shedding;

internal static class SheddingServices
{
    /// <summary>Bounds on what is under way at once.</summary>
    public static void AddEdgeShedding(this IServiceCollection services)
    {
        services.AddSingleton<GateQueue>();
        services.AddSingleton<RouteGates>();
    }
}
