namespace EdgeProxy.Configuration;

/// <summary>What the edge does for a cluster beyond YARP's own keys.</summary>
internal sealed record ClusterSettings
{
    public required string ClusterId { get; init; }
}
