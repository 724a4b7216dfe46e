using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>One accepted state of the configuration, immutable, complete and checked.</summary>
internal sealed record Revision
{
    /// <summary>SHA-256 over the files as written (`${…}` unexpanded), lower-case hex.</summary>
    public required string Hash { get; init; }

    /// <summary>The first twelve digits of <see cref="Hash"/>: what logs, metrics and the admin API call this revision.</summary>
    public string Id => Hash[..12];

    public required DateTimeOffset LoadedAt { get; init; }

    public required ImmutableArray<string> Files { get; init; }

    public required EdgeOptions Edge { get; init; }

    /// <summary>
    /// Settings that the files change but that apply at the next start only, such as `Edge.Listen`. <see cref="Edge"/> holds
    /// the values that are running, so nothing that is served can mix the two.
    /// </summary>
    public ImmutableArray<string> AwaitsRestart { get; init; } = [];

    /// <summary>Where the keys of `Edge` stand that a start alone can change, as far as they are given.</summary>
    public FrozenDictionary<string, Place> EdgePlaces { get; init; } = FrozenDictionary<string, Place>.Empty;

    public required ClientDirectory Clients { get; init; }

    public required FrozenDictionary<string, RateLimitPolicy> Policies { get; init; }

    public required FrozenDictionary<string, RouteSettings> Routes { get; init; }

    public required FrozenDictionary<string, ClusterSettings> Clusters { get; init; }

    /// <summary>What routes have from variables, as it is written; routes without such values are not there.</summary>
    public FrozenDictionary<string, WrittenValues> WrittenInRoutes { get; init; } = FrozenDictionary<string, WrittenValues>.Empty;

    /// <inheritdoc cref="WrittenInRoutes"/>
    public FrozenDictionary<string, WrittenValues> WrittenInClusters { get; init; } = FrozenDictionary<string, WrittenValues>.Empty;

    /// <inheritdoc cref="WrittenInRoutes"/>
    public FrozenDictionary<string, WrittenValues> WrittenInPolicies { get; init; } = FrozenDictionary<string, WrittenValues>.Empty;

    /// <summary>What YARP is given: its own keys only.</summary>
    public required IReadOnlyList<RouteConfig> ProxyRoutes { get; init; }

    /// <inheritdoc cref="ProxyRoutes"/>
    public required IReadOnlyList<ClusterConfig> ProxyClusters { get; init; }
}
