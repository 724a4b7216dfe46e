using System.Buffers.Binary;
using System.Text;

namespace EdgeProxy.WebSockets;

/// <summary>Close frames that the edge sends in its own name (RFC 6455, section 5.5.1).</summary>
internal static class CloseFrame
{
    /// <summary>The edge is going away; connecting again reaches another node, or this one after its restart.</summary>
    public static readonly byte[] GoingAway = ToClient(1001, "draining");

    /// <summary>
    /// The upstream is gone. 1011 and not 1014 (bad gateway), which a number of client libraries, .NET's among them, take for
    /// a breach of protocol. The reason is the code of the error catalogue.
    /// </summary>
    public static readonly byte[] UpstreamGone = ToClient(1011, "upstream_response_truncated");

    /// <summary>Neither side has sent a byte for the cluster's activity timeout.</summary>
    public static readonly byte[] Idle = ToClient(1011, "upstream_idle_timeout");

    /// <summary>1001 as a client sends it, masked as clients must; the mask hides nothing and is zero.</summary>
    public static readonly byte[] GoingAwayToUpstream = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

    private static byte[] ToClient(ushort status, string reason)
    {
        var frame = new byte[4 + reason.Length];
        frame[0] = 0x88;
        frame[1] = (byte)(2 + reason.Length);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), status);
        Encoding.ASCII.GetBytes(reason, frame.AsSpan(4));
        return frame;
    }
}
