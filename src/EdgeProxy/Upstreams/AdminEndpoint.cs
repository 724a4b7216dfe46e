using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Upstreams;

/// <summary>Where the admin listener is bound. No request of a client leads there, whatever a destination calls the address.</summary>
internal sealed class AdminEndpoint
{
    private volatile IPEndPoint? _bound;

    public void Bind(string address)
    {
        var uri = new Uri(address);
        _bound = new IPEndPoint(IPAddress.Parse(uri.Host.Trim('[', ']')), uri.Port);
    }

    /// <summary>
    /// An open connection leads there. Asked once the system has connected: it knows where `0.0.0.0`, an alias or another of this
    /// machine's addresses ends, and both ends of a connection to oneself have the same address.
    /// </summary>
    public bool IsAtTheEndOf(Socket connected) =>
        _bound is { } bound
        && connected.RemoteEndPoint is IPEndPoint remote
        && remote.Port == bound.Port
        && Leads(Plain(bound.Address), Plain(remote.Address), connected.LocalEndPoint is IPEndPoint local ? Plain(local.Address) : null);

    /// <param name="bound">Where the listener is bound.</param>
    /// <param name="local">This end of the connection.</param>
    public static bool Leads(IPAddress bound, IPAddress remote, IPAddress? local) =>
        bound.Equals(IPAddress.Any) || bound.Equals(IPAddress.IPv6Any)
            ? IPAddress.IsLoopback(remote) || remote.Equals(local)
            : remote.Equals(bound);

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
