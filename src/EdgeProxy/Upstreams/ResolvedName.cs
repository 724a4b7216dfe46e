using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Upstreams;

/// <summary>The endpoints that a name stands for. Equal when all of it is.</summary>
/// <param name="Endpoints">In order of address: those of IPv4 where there are any.</param>
/// <param name="Others">The other ways to the same hosts: those of IPv6 where there are both. No endpoints of their own.</param>
internal sealed record ResolvedName(ImmutableArray<IPEndPoint> Endpoints, ImmutableArray<IPEndPoint> Others)
{
    /// <summary>Endpoints of one name at most; more are left out.</summary>
    public const int Max = 128;

    /// <summary>How long this holds; null: the resolver did not tell.</summary>
    public TimeSpan? TimeToLive { get; init; }

    public static ResolvedName Of(IEnumerable<IPEndPoint> found)
    {
        var families = found.Distinct().OrderBy(one => one.ToString(), StringComparer.Ordinal)
            .ToLookup(one => one.AddressFamily == AddressFamily.InterNetwork);
        ImmutableArray<IPEndPoint> four = [.. families[true].Take(Max)];
        ImmutableArray<IPEndPoint> six = [.. families[false].Take(Max)];
        return four.IsEmpty ? new ResolvedName(six, []) : new ResolvedName(four, six);
    }

    public bool Equals(ResolvedName? other) =>
        other is not null && Endpoints.SequenceEqual(other.Endpoints) && Others.SequenceEqual(other.Others);

    public override int GetHashCode() => Endpoints.Length;
}
