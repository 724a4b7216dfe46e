using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using EdgeProxy.Errors;

namespace EdgeProxy.Upstreams;

/// <summary>
/// Opens the connections to destinations, in place of the platform's client. TLS is begun here and not above: the client would take its
/// name from the request's Host, which a route may let its clients write.
/// </summary>
internal sealed class ConnectStep(AdminEndpoint admin, NameTable names, TimeProvider time)
{
    /// <summary>Ways by another family of addresses that are tried before other endpoints.</summary>
    private const int OthersMax = 2;

    /// <param name="tls">How TLS is spoken, and under which name; null: the connection is clear, or the client's own business.</param>
    /// <param name="toStream">Makes the stream of a connected socket, which it then owns.</param>
    public async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext connection,
        SslClientAuthenticationOptions? tls,
        Func<Socket, Stream> toStream,
        CancellationToken cancellation)
    {
        var name = EndpointRequest.NameOf(connection.InitialRequestMessage);
        var stream = toStream(await ConnectAsync(connection.DnsEndPoint, name, cancellation));
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

    /// <param name="name">The name that the target is an endpoint of; null: of none, or others are not to be tried.</param>
    private async Task<Socket> ConnectAsync(DnsEndPoint target, string? name, CancellationToken cancellation)
    {
        var ways = await WaysToAsync(target, cancellation);
        var own = ways.Length;
        if (name is not null && own == 1 && names.Known(name) is { } known && known.Endpoints.Contains(ways[0]))
        {
            ways = [ways[0], .. known.Others.Take(OthersMax), .. known.Endpoints.Where(endpoint => !endpoint.Equals(ways[0]))];
            own += Math.Min(known.Others.Length, OthersMax);
        }

        var (socket, index, failure) = await ConnectAttempts.FirstAsync(ways, time, cancellation);
        var problem = index >= own ? new AddressFailedException(failure ?? new SocketException((int)SocketError.TimedOut))
            : admin.IsAtTheEndOf(socket) ? new ProhibitedDestinationException()
            : (IOException?)null;
        if (problem is not null)
        {
            socket.Dispose();
            throw problem;
        }

        return socket;
    }

    /// <summary>An endpoint's own address. A name, such as that of a proxy, has the addresses that are known, else is looked up.</summary>
    private async Task<IPEndPoint[]> WaysToAsync(DnsEndPoint target, CancellationToken cancellation)
    {
        if (IPAddress.TryParse(target.Host, out var address))
        {
            return [new IPEndPoint(address, target.Port)];
        }

        if (names.Known(new NameKey(target.Host.ToLowerInvariant(), target.Port).ToString()) is { } known)
        {
            return [.. known.Endpoints, .. known.Others];
        }

        var found = await Dns.GetHostAddressesAsync(target.Host, cancellation);
        return [.. found.Select(one => new IPEndPoint(one, target.Port))];
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
