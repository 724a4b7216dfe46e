using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace EdgeProxy.Connections;

/// <summary>The sockets on which clients are accepted; what is set on them holds for each client.</summary>
internal static class ListenSockets
{
    /// <summary>
    /// How much the kernel takes for a client that reads slowly, in bytes, beyond what is on its way. Without a bound it takes all that its
    /// buffers allow, megabytes for each such client, and copying that keeps the processors from others. What is on its way is not counted:
    /// fast clients far away lose nothing.
    /// </summary>
    public const int MostUnsent = 32_768;

    /// <summary>`TCP_NOTSENT_LOWAT` in linux/tcp.h.</summary>
    public const int NotSentLowWater = 25;

    /// <exception cref="IOException">It cannot be bound: the address and the reason in one sentence, for people.</exception>
    public static Socket Bind(EndPoint endpoint)
    {
        var socket = BindPlain(endpoint);
        if (OperatingSystem.IsLinux() && socket.ProtocolType == ProtocolType.Tcp)
        {
            try
            {
                socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, NotSentLowWater, BitConverter.GetBytes(MostUnsent));
            }
            catch (SocketException)
            {
                // A kernel that does not know it, as of sandboxes: it takes what it likes.
            }
        }

        return socket;
    }

    private static Socket BindPlain(EndPoint endpoint)
    {
        var hasFamily = Socket.OSSupportsIPv6 || endpoint is not IPEndPoint { Address: var address } || !address.Equals(IPAddress.IPv6Any);
        try
        {
            // On a machine without IPv6 every address is every IPv4 address.
            return SocketTransportOptions.CreateDefaultBoundListenSocket(
                hasFamily ? endpoint : new IPEndPoint(IPAddress.Any, ((IPEndPoint)endpoint).Port));
        }
        catch (SocketException exception) when (exception.SocketErrorCode != SocketError.AddressAlreadyInUse)
        {
            // The one that is left out has a sentence of the server's own.
            throw new IOException($"Failed to bind to address {endpoint}: {exception.Message.ToLowerInvariant()}.", exception);
        }
    }
}
