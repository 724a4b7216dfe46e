using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>Why each destination is in the state it is in, in words for logs and the admin API.</summary>
internal sealed class HealthReasons
{
    private readonly ConditionalWeakTable<DestinationState, string> _reasons = [];

    public void Note(DestinationState destination, string reason) => _reasons.AddOrUpdate(destination, reason);

    /// <summary>The last reason noted; null when nothing was.</summary>
    public string? Of(DestinationState destination) => _reasons.TryGetValue(destination, out var reason) ? reason : null;
}
