using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Configuration;

/// <summary>`Edge.TrustedProxies`: networks that are none, and networks that hold everybody, alone or together.</summary>
internal static class NetworkChecks
{
    /// <summary>What addresses of the public internet are: who trusts all of these trusts everybody.</summary>
    private static readonly IPNetwork[][] Everybody =
    [
        [
            .. new[] { "1.0.0.0/8", "2.0.0.0/7", "4.0.0.0/6", "8.0.0.0/7", "11.0.0.0/8", "12.0.0.0/6", "16.0.0.0/4", "32.0.0.0/3" }
                .Concat(["64.0.0.0/3", "96.0.0.0/6", "104.0.0.0/5", "112.0.0.0/5", "120.0.0.0/6", "124.0.0.0/7", "126.0.0.0/8"])
                .Concat(["128.0.0.0/3", "160.0.0.0/5", "173.0.0.0/8", "174.0.0.0/7", "176.0.0.0/4", "193.0.0.0/8", "194.0.0.0/7"])
                .Concat(["196.0.0.0/6", "200.0.0.0/5", "208.0.0.0/4"])
                .Select(IPNetwork.Parse),
        ],
        [IPNetwork.Parse("2000::/3")],
    ];

    public static void Check(Section edge, FaultList faults)
    {
        var networks = new List<IPNetwork>();
        var isSaid = false;
        foreach (var node in edge.Scalars("TrustedProxies"))
        {
            if (EdgeSection.NetworkOf(node.Text) is not { } network)
            {
                faults.Error(FaultCodes.InvalidNetwork, node, $"{node.Shown} is not an IP address or a network such as 10.0.0.0/8");
                continue;
            }

            networks.Add(network);
            if (TrustEverybody([network]))
            {
                Warn(node, faults);
                isSaid = true;
            }
        }

        if (!isSaid && TrustEverybody(networks))
        {
            Warn(edge.Find("TrustedProxies")!, faults);
        }
    }

    private static void Warn(Node node, FaultList faults) => faults.Warn(
        FaultCodes.TrustsEverybody, node.Place, node.Path,
        "every peer may say who the client is: limits for each client can be evaded");

    private static bool TrustEverybody(IReadOnlyList<IPNetwork> networks)
    {
        var trusted = networks.Select(RangeOf).OrderBy(range => range.First).ToList();
        return Everybody.Any(all => all.Select(RangeOf).All(range => Holds(trusted, range)));
    }

    private static bool Holds(List<(UInt128 First, UInt128 Last)> trusted, (UInt128 First, UInt128 Last) wanted)
    {
        foreach (var (first, last) in trusted)
        {
            if (first > wanted.First)
            {
                return false; // they come in order: nothing holds the first one
            }

            if (last >= wanted.Last)
            {
                return true;
            }

            wanted.First = last >= wanted.First ? last + 1 : wanted.First;
        }

        return false;
    }

    /// <summary>All as IPv6: an IPv4 address is what it is mapped to.</summary>
    private static (UInt128 First, UInt128 Last) RangeOf(IPNetwork network)
    {
        var isIpv4 = network.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        var first = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(network.BaseAddress.MapToIPv6().GetAddressBytes());
        var bits = network.PrefixLength + (isIpv4 ? 96 : 0);
        return (first, first | (bits == 0 ? UInt128.MaxValue : (UInt128.One << (128 - bits)) - 1));
    }
}
