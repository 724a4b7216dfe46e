using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>Why each destination's checks say what they say, in words for logs and the admin API.</summary>
internal sealed class HealthReasons
{
    private readonly ConditionalWeakTable<DestinationState, string> _active = [];
    private readonly ConditionalWeakTable<DestinationState, string> _passive = [];

    /// <summary>Why probes say what they say; to be noted with what they say.</summary>
    public void NoteActive(DestinationState destination, string reason) => _active.AddOrUpdate(destination, reason);

    /// <summary>Why requests say what they say; to be noted with what they say.</summary>
    public void NotePassive(DestinationState destination, string reason) => _passive.AddOrUpdate(destination, reason);

    public string? OfActive(DestinationState destination) => _active.TryGetValue(destination, out var reason) ? reason : null;

    public string? OfPassive(DestinationState destination) => _passive.TryGetValue(destination, out var reason) ? reason : null;

    /// <summary>Why it is healthy, unhealthy or unknown: the word of the check that makes it so; null when there was none.</summary>
    public string? Of(DestinationState destination) => destination.Health switch
    {
        { Active: DestinationHealth.Unhealthy } => OfActive(destination),
        { Passive: DestinationHealth.Unhealthy } => OfPassive(destination),
        { Active: DestinationHealth.Healthy } => OfActive(destination),
        _ => OfPassive(destination),
    };
}
