using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Configuration;

/// <summary>
/// A destination whose address is a name has an endpoint for each address of that name. To YARP each endpoint is a destination, with an
/// id of its own: the configured id and the address. Labels, logs and the admin API know the configured id alone.
/// </summary>
internal static class EndpointId
{
    private const char Separator = '\u001f'; // no configured id has a control character

    /// <summary>Key of YARP's metadata: the name and the port that an endpoint's address was found for.</summary>
    private const string NameKey = "edgeproxy.name";

    /// <summary>Key of YARP's metadata: the destination's address as configured.</summary>
    private const string AddressKey = "edgeproxy.address";

    public static string Of(string destination, string address) => $"{destination}{Separator}{address}";

    public static bool IsEndpoint(string id) => id.Contains(Separator);

    /// <summary>The configured id.</summary>
    public static string DestinationOf(string id) => id.IndexOf(Separator) is var end and >= 0 ? id[..end] : id;

    /// <inheritdoc cref="DestinationOf(string)"/>
    public static string ConfiguredId(this DestinationState destination) => DestinationOf(destination.DestinationId);

    /// <summary>The name and port that the endpoint belongs to; null for a destination that is no endpoint.</summary>
    public static string? NameOf(DestinationConfig config) => config.Metadata?.GetValueOrDefault(NameKey);

    /// <summary>The address as configured.</summary>
    public static string AddressOf(DestinationConfig config) => config.Metadata?.GetValueOrDefault(AddressKey) ?? config.Address;

    /// <summary>The metadata of an endpoint.</summary>
    public static Dictionary<string, string> Metadata(DestinationConfig configured, string name) =>
        new(configured.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase)
        {
            [NameKey] = name,
            [AddressKey] = configured.Address,
        };

    /// <summary>A cluster's destinations by configured id, each with its endpoints.</summary>
    public static IEnumerable<IGrouping<string, DestinationState>> Destinations(this ClusterState cluster) =>
        cluster.Destinations.Values.GroupBy(destination => destination.ConfiguredId(), StringComparer.OrdinalIgnoreCase);
}
