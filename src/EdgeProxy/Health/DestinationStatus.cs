using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

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
    }

    /// <summary>The words, in the order of <see cref="Status"/>.</summary>
    public static IReadOnlyList<string> All { get; } = ["healthy", "unhealthy", "unknown", "draining", "ejected"];

    /// <summary>Unhealthy when either check says so, healthy when one does and the other does not object.</summary>
    public static Status Of(DestinationState destination) => destination.Health switch
    {
        { Active: DestinationHealth.Unhealthy } or { Passive: DestinationHealth.Unhealthy } => Status.Unhealthy,
        { Active: DestinationHealth.Healthy } or { Passive: DestinationHealth.Healthy } => Status.Healthy,
        _ => Status.Unknown,
    };

    public static string WordFor(DestinationState destination) => All[(int)Of(destination)];
}
