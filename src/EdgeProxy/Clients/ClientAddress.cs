using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Clients;

/// <summary>Which address a request came from, and the name that a client without a key goes by.</summary>
internal static class ClientAddress
{
    /// <summary>
    /// The peer, unless it is one of <paramref name="trusted"/>: then the first entry of `X-Forwarded-For`, from the right,
    /// that is not. Entries further left are hearsay: whoever sent the request may have written them. A request that came
    /// through trusted proxies alone is the leftmost one's; an entry that is no address ends the walk at the one before it. Empty
    /// entries are none.
    /// </summary>
    public static IPAddress Of(IPAddress peer, StringValues forwardedFor, ImmutableArray<IPNetwork> trusted)
    {
        var address = Unmapped(peer);
        for (var line = forwardedFor.Count - 1; line >= 0 && IsTrusted(address, trusted); line--)
        {
            var rest = forwardedFor[line].AsSpan();
            while (IsTrusted(address, trusted) && rest.Length > 0)
            {
                var comma = rest.LastIndexOf(',');
                var text = rest[(comma + 1)..].Trim();
                rest = comma < 0 ? [] : rest[..comma];
                if (text.IsEmpty)
                {
                    continue; // an empty element of a list says nothing: RFC 9110, 5.6.1
                }

                if (!TryParse(text, out var entry))
                {
                    return address;
                }

                address = entry;
            }
        }

        return address;
    }

    /// <summary>The client that <paramref name="address"/> stands for: an IPv4 address, or the first bits of an IPv6 one.</summary>
    /// <param name="address">Not IPv4-mapped: see <see cref="Of"/>.</param>
    /// <param name="ipv6Prefix">Bits of an IPv6 address that make one client. 32 to 128.</param>
    public static string NameOf(IPAddress address, int ipv6Prefix)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address.ToString();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        for (var i = 0; i < bytes.Length; i++)
        {
            var kept = Math.Clamp(ipv6Prefix - (i * 8), 0, 8);
            bytes[i] &= (byte)(0xFF << (8 - kept));
        }

        // Without the zone: the interface a link-local packet came in by says nothing about who sent it.
        return $"{new IPAddress(bytes)}/{ipv6Prefix}";
    }

    public static bool IsTrusted(IPAddress address, ImmutableArray<IPNetwork> trusted)
    {
        foreach (var network in trusted)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An entry as proxies write it: an address, `IPv4:port`, `[IPv6]` or `[IPv6]:port`.</summary>
    private static bool TryParse(ReadOnlySpan<char> entry, out IPAddress address)
    {
        address = IPAddress.None;
        if (entry.StartsWith("["))
        {
            var end = entry.IndexOf(']');
            entry = end < 0 ? [] : entry[1..end];
        }
        else if (entry.Count(':') == 1)
        {
            entry = entry[..entry.IndexOf(':')];
        }

        // A bare number is an address to the parser (`1` is 0.0.0.1), not to anybody else.
        if (entry.IndexOfAny('.', ':') < 0 || !IPAddress.TryParse(entry, out var parsed))
        {
            return false;
        }

        address = Unmapped(parsed);
        return true;
    }

    private static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
