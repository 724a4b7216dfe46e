using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using EdgeProxy.Errors;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Opens the connections to destinations, in place of the platform's client. TLS is begun here and not above: the client would take its
/// name from the request's Host, which a route may let its clients write.
/// </summary>
internal sealed class ConnectStep(AdminEndpoint admin, TimeProvider time)
{
    /// <param name="tls">How TLS is spoken, and under which name; null: the connection is clear, or the client's own business.</param>
    /// <param name="toStream">Makes the stream of a connected socket, which it then owns.</param>
    public async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext connection,
        SslClientAuthenticationOptions? tls,
        Func<Socket, Stream> toStream,
        CancellationToken cancellation)
    {
        var stream = toStream(await ConnectAsync(connection.DnsEndPoint, cancellation));
        return tls is null ? stream : await SecureAsync(stream, tls, cancellation);
    }

    /// <summary>The protocols to offer for <paramref name="request"/>, as the platform's client would.</summary>
    public static List<SslApplicationProtocol>? ProtocolsFor(HttpRequestMessage request) =>
        (request.Version.Major, request.VersionPolicy) switch
        {
            ( >= 2, HttpVersionPolicy.RequestVersionOrLower) => [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            ( >= 2, _) => [SslApplicationProtocol.Http2],
            (_, HttpVersionPolicy.RequestVersionOrHigher) => [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            _ => null,
        };

    private async Task<Socket> ConnectAsync(DnsEndPoint target, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(target.Host, out var address)
            ? [address]
            : await Dns.GetHostAddressesAsync(target.Host, cancellation);
        IPEndPoint[] endpoints = [.. addresses.Select(one => new IPEndPoint(one, target.Port))];
        var socket = await ConnectAttempts.FirstAsync(endpoints, time, cancellation);
        if (admin.IsAtTheEndOf(socket))
        {
            socket.Dispose();
            throw new ProhibitedDestinationException();
        }

        return socket;
    }

    private static async Task<Stream> SecureAsync(Stream stream, SslClientAuthenticationOptions tls, CancellationToken cancellation)
    {
        var secure = new SslStream(stream);
        try
        {
            await secure.AuthenticateAsClientAsync(tls, cancellation);
            return secure;
        }
        catch (Exception exception)
        {
            await secure.DisposeAsync();
            if (exception is OperationCanceledException)
            {
                throw;
            }

            throw new HttpRequestException(HttpRequestError.SecureConnectionError, "No TLS connection could be had.", exception);
        }
    }
}
