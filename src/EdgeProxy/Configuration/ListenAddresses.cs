using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace EdgeProxy.Configuration;

/// <summary>Which addresses of listeners are the same socket's, and which destinations lead back to one.</summary>
internal static class ListenAddresses
{
    /// <summary>What is bound for an address: `localhost` is 127.0.0.1, `*` every address of both families.</summary>
    public static IPEndPoint EndPointOf(BindingAddress address) => new(
        address.Host.ToLowerInvariant() switch
        {
            "localhost" => IPAddress.Loopback,
            "*" or "+" => IPAddress.IPv6Any,
            var host => IPAddress.Parse(host.Trim('[', ']')),
        },
        address.Port);

    /// <summary>One of two listeners could not be bound beside the other. Port 0 takes a free one.</summary>
    public static bool Overlap(IPEndPoint one, IPEndPoint other) =>
        one.Port == other.Port && one.Port != 0
        && (Plain(one.Address).Equals(Plain(other.Address)) || Holds(one.Address, other.Address) || Holds(other.Address, one.Address));

    /// <summary>
    /// Whether a connection to <paramref name="destination"/> arrives at the listener. Names but those of this machine are not resolved:
    /// where they lead is seen when a connection is made.
    /// </summary>
    public static bool LeadsTo(Uri destination, IPEndPoint listener) =>
        destination.Port == listener.Port && listener.Port != 0
        && AddressesOf(destination.IdnHost).Any(address => Plain(address).Equals(Plain(listener.Address))
            || (Holds(listener.Address, address) && IsOwn(address)));

    private static IEnumerable<IPAddress> AddressesOf(string host)
    {
        host = host.Trim('[', ']').TrimEnd('.');
        if (IPAddress.TryParse(host, out var address))
        {
            // Nobody has the address of all: the system takes its own instead.
            return
            [
                address.Equals(IPAddress.Any) ? IPAddress.Loopback
                    : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback
                    : address,
            ];
        }

        var isLocal = host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || host.StartsWith("ip6-l", StringComparison.OrdinalIgnoreCase) // ip6-localhost and ip6-loopback of Debian's hosts file
            || host.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase);
        return isLocal ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [];
    }

    /// <summary>The first is the address of all, of this family or of both.</summary>
    private static bool Holds(IPAddress all, IPAddress one) =>
        all.Equals(IPAddress.IPv6Any) || (all.Equals(IPAddress.Any) && Plain(one).AddressFamily == AddressFamily.InterNetwork);

    private static bool IsOwn(IPAddress address) => IPAddress.IsLoopback(Plain(address))
        || NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Any(own => Plain(own.Address).Equals(Plain(address)));

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
