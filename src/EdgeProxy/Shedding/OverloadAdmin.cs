namespace EdgeProxy.Shedding;

/// <summary>Answer of `GET /v1/overload`.</summary>
/// <param name="Level">0 to 3, the highest of the signals.</param>
/// <param name="Reason">The signal that asks for it; null at 0.</param>
internal sealed record OverloadView(int Level, string? Reason, IReadOnlyList<SignalView> Signals);

/// <param name="Name">in_flight, memory or thread_pool.</param>
/// <param name="Level">0 to 3.</param>
/// <param name="Reading">Requests; share of the memory that may be used; seconds.</param>
/// <param name="Steps">Readings from which on the level is 1, 2 and 3; empty: none.</param>
internal sealed record SignalView(string Name, int Level, double Reading, IReadOnlyList<double> Steps);

/// <summary>How overloaded this node is, and by what.</summary>
internal static class OverloadAdmin
{
    public static void MapOverload(this IEndpointRouteBuilder admin, IServiceProvider edge)
    {
        var overload = edge.GetRequiredService<Overload>();
        admin.MapGet("/overload", () => new OverloadView(
                overload.Level,
                overload.Worst?.Name,
                [.. overload.Signals.Select(signal => new SignalView(
                    signal.Name, signal.Level, signal.Reading, [.. signal.Steps.Where(double.IsFinite)]))]))
            .WithSummary("How overloaded this node is, by which of its signals, and from where on each counts.");
    }
}
