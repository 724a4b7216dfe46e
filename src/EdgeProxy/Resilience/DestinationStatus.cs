using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>A destination's state in one word, as metrics and the admin API call it.</summary>
internal static class DestinationStatus
{
    internal enum Status
    {
        Healthy,
        Unhealthy,
        Unknown,
        Draining,
        Ejected,
        Down,
    }

    /// <summary>The words, in the order of <see cref="Status"/>.</summary>
    public static IReadOnlyList<string> All { get; } = ["healthy", "unhealthy", "unknown", "draining", "ejected", "down"];

    /// <summary>
    /// What it is ordered to do comes first. Unhealthy when either check says so, healthy when one does and the other does not object.
    /// </summary>
    public static Status Of(DestinationState destination) => DestinationRuntime.Of(destination).Mode switch
    {
        DestinationMode.Down => Status.Down,
        DestinationMode.Draining => Status.Draining,
        _ when DestinationRuntime.Of(destination).Circuit.Breaker.State == BreakerState.Open => Status.Ejected,
        _ => OfHealth(destination.Health),
    };

    /// <summary>Of a destination with several endpoints: that of the one that is best off.</summary>
    public static Status Of(IEnumerable<DestinationState> endpoints) => endpoints.Select(Of).MinBy(Badness);

    /// <summary>The higher, the less it is of use.</summary>
    public static int Badness(Status status) => status switch
    {
        Status.Healthy => 0,
        Status.Unknown => 1,
        Status.Draining => 2,
        Status.Unhealthy => 3,
        Status.Ejected => 4,
        _ => 5,
    };

    private static Status OfHealth(DestinationHealthState health) => health switch
    {
        { Active: DestinationHealth.Unhealthy } or { Passive: DestinationHealth.Unhealthy } => Status.Unhealthy,
        { Active: DestinationHealth.Healthy } or { Passive: DestinationHealth.Healthy } => Status.Healthy,
        _ => Status.Unknown,
    };

    public static string WordFor(Status status) => All[(int)status];
}
