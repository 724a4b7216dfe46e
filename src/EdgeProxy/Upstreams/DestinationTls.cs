using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Upstreams;

/// <summary>The name under which a destination is spoken to over TLS: in SNI, and when its certificate is checked.</summary>
internal static class DestinationTls
{
    /// <summary>Of a destination without TLS.</summary>
    public const string None = "";

    private static readonly ConditionalWeakTable<DestinationConfig, string> Names = [];

    public static string NameOf(DestinationState destination) => Names.GetValue(
        destination.Model.Config, static config => NameOf(new Uri(config.Address), config.Host));

    /// <summary>Its `Host`, else the host of its address; nothing that a client wrote.</summary>
    /// <param name="host">A name or an address, perhaps with a port.</param>
    public static string NameOf(Uri address, string? host) =>
        address.Scheme != Uri.UriSchemeHttps ? None
        : string.IsNullOrEmpty(host) ? address.IdnHost
        : new Uri("https://" + host + "/").IdnHost;
}
