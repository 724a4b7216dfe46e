using System.Collections.Frozen;

namespace EdgeProxy.Configuration;

/// <summary>What the edge does for a cluster beyond YARP's own keys.</summary>
internal sealed record ClusterSettings
{
    public required string ClusterId { get; init; }

    public FrozenDictionary<string, DestinationSettings> Destinations { get; init; } =
        FrozenDictionary<string, DestinationSettings>.Empty;

    /// <summary>All of it in one text: equal texts, equal settings.</summary>
    public string Stamp => string.Join('\n', Destinations
        .OrderBy(pair => pair.Key, StringComparer.Ordinal)
        .Select(pair => $"{pair.Key} {pair.Value}"));

    public DestinationSettings Of(string destination) => Destinations.GetValueOrDefault(destination, DestinationSettings.Default);
}
