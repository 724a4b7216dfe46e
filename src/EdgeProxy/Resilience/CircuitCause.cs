using System.Globalization;
using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Why breakers refuse a cluster's requests, and until when: one text for each opening, however many it refuses.</summary>
internal static class CircuitCause
{
    private static readonly ConditionalWeakTable<CircuitStanding, string> Texts = [];

    /// <summary>Null when no breaker of it is open.</summary>
    public static string? Of(ClusterState cluster)
    {
        var standing = ClusterRuntime.Of(cluster).Circuit.Standing;
        if (standing.State == BreakerState.Closed)
        {
            foreach (var (_, destination) in cluster.Destinations)
            {
                standing = DestinationRuntime.Of(destination).Circuit.Standing;
                if (standing.State != BreakerState.Closed)
                {
                    break;
                }
            }
        }

        return standing.State == BreakerState.Closed ? null : Texts.GetValue(standing, static open => TextOf(open));
    }

    private static string TextOf(CircuitStanding standing) => string.Create(
        CultureInfo.InvariantCulture,
        $"{standing.Reason}; {(standing.Until is { } until ? $"open until {until.UtcDateTime:HH:mm:ss.fff}Z" : "until a probe succeeds")}");
}
