using System.Net.Sockets;
using System.Security.Authentication;

namespace EdgeProxy.Errors;

/// <summary>What kept an answer of a destination from coming: for the client's answer, for metrics and for retries alike.</summary>
internal enum UpstreamFault
{
    /// <summary>Nothing that is known here: mostly a request that was not sendable.</summary>
    Unknown,

    /// <summary>The edge itself has no descriptor or port left for a connection.</summary>
    EdgeExhausted,

    Dns,

    /// <summary>The address is one that the edge does not connect to.</summary>
    Prohibited,

    Refused,
    ConnectTimeout,
    Unroutable,

    /// <summary>No connection, for another reason than those above.</summary>
    NotConnected,

    TlsHandshake,
    TlsCertificate,
    TlsAlert,

    /// <summary>The connection or stream ended before the answer's head was complete.</summary>
    Closed,

    Protocol,
    HeadTooLarge,

    /// <summary>It does not change to the protocol that was asked for.</summary>
    NoUpgrade,

    /// <summary>It does not speak the version of HTTP that it is to be asked in.</summary>
    NoVersion,

    /// <summary>The request's fields are larger than it says that it takes. Nothing was sent.</summary>
    FieldsTooLarge,
}

/// <summary>Reads the exceptions of the platform's client, once for all who want to know.</summary>
internal static class UpstreamFaults
{
    private const string TooLarge = "The HTTP request headers length exceeded";

    /// <summary>Why no answer came.</summary>
    public static UpstreamFault Of(Exception? exception) =>
        UpstreamClosedException.In(exception) is not null || UpstreamSilentException.In(exception) is not null ? UpstreamFault.Closed
        : exception is not HttpRequestException request ? UpstreamFault.Unknown
        : request.InnerException is ProhibitedDestinationException ? UpstreamFault.Prohibited
        : request is { HttpRequestError: HttpRequestError.ConnectionError, InnerException: HttpRequestException step } ? Of(step)
        : request.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => UpstreamFault.Dns,
            HttpRequestError.ConnectionError => OfConnect(SocketErrorIn(request)),
            HttpRequestError.SecureConnectionError => OfTls(request.InnerException),
            HttpRequestError.HttpProtocolError => OfProtocol(request.InnerException),
            HttpRequestError.InvalidResponse => UpstreamFault.Protocol,
            HttpRequestError.ConfigurationLimitExceeded => UpstreamFault.HeadTooLarge,
            HttpRequestError.ExtendedConnectNotSupported => UpstreamFault.NoUpgrade,
            HttpRequestError.VersionNegotiationError => UpstreamFault.NoVersion,
            HttpRequestError.ResponseEnded => UpstreamFault.Closed,
            _ when OfConnect(SocketErrorIn(request)) == UpstreamFault.EdgeExhausted => UpstreamFault.EdgeExhausted,
            _ => OfUnnamed(request),
        };

    /// <summary>Why an answer's body did not come to its end: it cannot be read, or its end came too early.</summary>
    public static UpstreamFault OfBody(Exception? exception) => exception?.GetBaseException() switch
    {
        HttpIOException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => UpstreamFault.HeadTooLarge, // trailers
        HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => UpstreamFault.HeadTooLarge,
        HttpIOException { HttpRequestError: HttpRequestError.InvalidResponse } => UpstreamFault.Protocol,
        HttpRequestException => UpstreamFault.Protocol, // a chunk's line without an end, or an end that is no line
        _ => UpstreamFault.Closed,
    };

    private static UpstreamFault OfUnnamed(HttpRequestException exception) =>
        SocketErrorIn(exception) is not null ? UpstreamFault.Closed
        : exception.GetBaseException() is HttpIOException { HttpRequestError: HttpRequestError.InvalidResponse } ? UpstreamFault.Protocol
        // Only its words tell it from other requests that cannot be sent.
        : exception.InnerException is null && exception.Message.StartsWith(TooLarge, StringComparison.Ordinal)
            ? UpstreamFault.FieldsTooLarge
        : UpstreamFault.Unknown;

    private static SocketError? SocketErrorIn(Exception? exception)
    {
        while (exception is not null and not SocketException)
        {
            exception = exception.InnerException;
        }

        return (exception as SocketException)?.SocketErrorCode;
    }

    private static UpstreamFault OfConnect(SocketError? error) => error switch
    {
        SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.AddressNotAvailable
            => UpstreamFault.EdgeExhausted, // of a connect, the address that is not available is the edge's own: it has no port left
        SocketError.ConnectionRefused => UpstreamFault.Refused,
        SocketError.TimedOut => UpstreamFault.ConnectTimeout,
        SocketError.HostUnreachable or SocketError.HostDown or SocketError.NetworkUnreachable or SocketError.NetworkDown
            or SocketError.AddressFamilyNotSupported or SocketError.AccessDenied
            => UpstreamFault.Unroutable,
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery => UpstreamFault.Dns,
        _ => UpstreamFault.NotConnected,
    };

    private static UpstreamFault OfTls(Exception? exception)
    {
        // A certificate that was looked at and refused has no cause below it; neither has an answer that is no TLS at all.
        if (exception is AuthenticationException { InnerException: null }
            && exception.Message.StartsWith("The remote certificate", StringComparison.Ordinal))
        {
            return UpstreamFault.TlsCertificate;
        }

        for (; exception is not null; exception = exception.InnerException)
        {
            // What the peer's alert said is known only to OpenSSL, which names it in its reason.
            if (exception.Message.Contains("alert", StringComparison.OrdinalIgnoreCase))
            {
                return UpstreamFault.TlsAlert;
            }
        }

        return UpstreamFault.TlsHandshake;
    }

    /// <summary>HTTP/2: a stream or connection that the upstream ended, or frames that cannot be right.</summary>
    private static UpstreamFault OfProtocol(Exception? exception)
    {
        const long ProtocolError = 1, FlowControlError = 3, FrameSizeError = 6, CompressionError = 9;
        return exception is HttpProtocolException protocol
            && protocol.ErrorCode is not (ProtocolError or FlowControlError or FrameSizeError or CompressionError)
                ? UpstreamFault.Closed
                : UpstreamFault.Protocol;
    }
}
