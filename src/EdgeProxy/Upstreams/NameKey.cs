using System.Net;

namespace EdgeProxy.Upstreams;

/// <summary>What is looked up for a destination: its host and port.</summary>
internal readonly record struct NameKey(string Host, int Port)
{
    /// <summary>A name such as `_http._tcp.orders.svc`, whose SRV records have hosts and ports.</summary>
    public bool IsService => Host.StartsWith('_');

    /// <summary>Null when the address has no name to look up.</summary>
    public static NameKey? Of(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.HostNameType is UriHostNameType.Dns or UriHostNameType.Basic
        && !IPAddress.TryParse(uri.IdnHost, out _)
            ? new NameKey(uri.IdnHost.ToLowerInvariant(), uri.Port)
            : null;

    /// <summary>What the host is called in requests: without the service and the protocol of an SRV name.</summary>
    public string Authority(bool isDefaultPort)
    {
        if (!IsService)
        {
            return isDefaultPort ? Host : $"{Host}:{Port}";
        }

        var labels = Host.Split('.').SkipWhile(label => label.StartsWith('_'));
        return string.Join('.', labels);
    }

    public override string ToString() => $"{Host}:{Port}";
}
