using System.IO.Hashing;
using System.Runtime.InteropServices;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// `ConsistentHash`: the same client, or the same value of a field, goes to the same destination, on every node. Each destination draws
/// a number from key and id, stretched by its weight, and the highest is taken: when one leaves, its keys alone move.
/// </summary>
internal sealed class ConsistentHashPolicy : ILoadBalancingPolicy
{
    public const string PolicyName = "ConsistentHash";

    public string Name => PolicyName;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var key = HashOf(KeyOf(context, ClusterRuntime.Of(cluster).Settings.HashHeader));
        var (best, highest) = (availableDestinations[0], double.NegativeInfinity);
        for (var i = 0; i < availableDestinations.Count; i++)
        {
            var destination = availableDestinations[i];
            var draw = Draw(key, HashOf(destination.DestinationId), DestinationRuntime.Of(destination).Weight);
            if (draw > highest)
            {
                (best, highest) = (destination, draw);
            }
        }

        return best;
    }

    /// <summary>A field that is not there counts as the client.</summary>
    private static string KeyOf(HttpContext context, string? header) =>
        header is not null && context.Request.Headers.TryGetValue(header, out var values) && values.ToString() is { Length: > 0 } value
            ? value
            : context.Edge().Client.Id;

    private static ulong HashOf(string text) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(text.AsSpan()));

    /// <summary>Evenly from 0 to 1 by chance, to the power of one over the weight, as its logarithm.</summary>
    private static double Draw(ulong key, ulong destination, int weight)
    {
        var mixed = key ^ (destination * 0x9E3779B97F4A7C15);
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        mixed ^= mixed >> 31;
        return Math.Log(((mixed >> 11) + 0.5) / (1UL << 53)) / weight;
    }
}
