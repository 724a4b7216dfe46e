using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Errors;

/// <summary>What YARP's forwarder reports, in words of the catalogue.</summary>
internal static class ForwarderErrors
{
    /// <param name="pastDeadline">The route's own time for the request has run out.</param>
    /// <returns>Null where the answer stands: the report is only about what came after it.</returns>
    public static EdgeError? ToEdgeError(HttpContext context, IForwarderErrorFeature report, bool pastDeadline)
    {
        return report.Error switch
        {
            ForwarderError.NoAvailableDestinations => context.Features.Get<IReverseProxyFeature>() is { AllDestinations.Count: 0 }
                ? EdgeErrors.DestinationsEmpty
                : EdgeErrors.NoHealthyDestination,

            ForwarderError.Request => OfRequest(report.Exception),

            // The cluster's Version and VersionPolicy leave no way to ask for the upgrade.
            ForwarderError.RequestCreation when report.Exception is HttpRequestException => EdgeErrors.UpstreamUpgradeFailed,
            ForwarderError.RequestCreation => EdgeErrors.InternalError,
            ForwarderError.RequestTimedOut => report.Exception switch
            {
                ResponseTimeoutException => EdgeErrors.UpstreamResponseTimeout,
                { InnerException: TimeoutException } => EdgeErrors.UpstreamConnectTimeout,
                _ => EdgeErrors.UpstreamIdleTimeout,
            },

            // Time that ran out while the client's body was waited for, whoever would have been next.
            ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled when pastDeadline && context.Edge().ClientKeptWaiting
                => EdgeErrors.RequestTimeout,

            // The token that ends these early is the client's, or the route's deadline linked to it. An idle timeout is not
            // among them: it is put down to whoever was being waited for.
            ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
                => pastDeadline || !context.RequestAborted.IsCancellationRequested
                    ? EdgeErrors.DeadlineExceeded
                    : EdgeErrors.ClientDisconnected,

            // A failure reported beside the answer rather than instead of it comes as a bare exception.
            ForwarderError.RequestBodyClient or ForwarderError.RequestBodyDestination
                when report.Exception is not AggregateException => null,
            ForwarderError.RequestBodyClient => OfUpload(context, (AggregateException)report.Exception!),
            ForwarderError.RequestBodyDestination => context.Response.StatusCode == StatusCodes.Status504GatewayTimeout
                ? EdgeErrors.UpstreamWriteTimeout
                : EdgeErrors.UpstreamConnectionReset,

            ForwarderError.ResponseBodyClient => EdgeErrors.ClientDisconnected,
            ForwarderError.ResponseBodyDestination when report.Exception is OperationCanceledException => EdgeErrors.UpstreamIdleTimeout,
            ForwarderError.ResponseBodyDestination when IsNoBody(report.Exception) => EdgeErrors.UpstreamProtocolError,
            ForwarderError.ResponseBodyDestination => EdgeErrors.UpstreamResponseTruncated,
            ForwarderError.ResponseHeaders => IsUpgrade(context)
                ? EdgeErrors.UpstreamUpgradeFailed
                : EdgeErrors.UpstreamProtocolError,

            ForwarderError.UpgradeActivityTimeout => EdgeErrors.UpstreamIdleTimeout,
            ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination => EdgeErrors.UpstreamResponseTruncated,
            ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeResponseClient
                or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled => EdgeErrors.ClientDisconnected,
            _ => null,
        };
    }

    /// <summary>Why no answer came.</summary>
    private static EdgeError OfRequest(Exception? exception) => exception is not HttpRequestException request
        ? OfTransport(exception)
        : request.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => EdgeErrors.DnsError,
            HttpRequestError.ConnectionError => OfTransport(request),
            HttpRequestError.SecureConnectionError => OfTls(request.InnerException),
            HttpRequestError.HttpProtocolError => OfProtocol(request.InnerException),
            HttpRequestError.ExtendedConnectNotSupported => EdgeErrors.UpstreamUpgradeFailed,
            HttpRequestError.InvalidResponse or HttpRequestError.VersionNegotiationError => EdgeErrors.UpstreamProtocolError,
            HttpRequestError.ConfigurationLimitExceeded => EdgeErrors.UpstreamHeaderTooLarge,
            HttpRequestError.ResponseEnded => EdgeErrors.UpstreamConnectionReset,
            _ => OfTransport(request),
        };

    private static EdgeError OfTransport(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is SocketException socket)
            {
                return socket.SocketErrorCode switch
                {
                    SocketError.ConnectionRefused => EdgeErrors.UpstreamConnectionRefused,
                    SocketError.TimedOut => EdgeErrors.UpstreamConnectTimeout,
                    SocketError.HostUnreachable or SocketError.HostDown or SocketError.NetworkUnreachable or SocketError.NetworkDown
                        or SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported or SocketError.AccessDenied
                        => EdgeErrors.UpstreamUnroutable,
                    SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery => EdgeErrors.DnsError,
                    _ => EdgeErrors.UpstreamConnectionReset,
                };
            }
        }

        return EdgeErrors.UpstreamConnectionReset;
    }

    private static EdgeError OfTls(Exception? exception)
    {
        // A certificate that was looked at and refused has no cause below it; neither has an answer that is no TLS at all.
        if (exception is AuthenticationException { InnerException: null }
            && exception.Message.StartsWith("The remote certificate", StringComparison.Ordinal))
        {
            return EdgeErrors.UpstreamTlsCertificate;
        }

        for (; exception is not null; exception = exception.InnerException)
        {
            // What the peer's alert said is known only to OpenSSL, which names it in its reason.
            if (exception.Message.Contains("alert", StringComparison.OrdinalIgnoreCase))
            {
                return EdgeErrors.UpstreamTlsAlert;
            }
        }

        return EdgeErrors.UpstreamTlsHandshake;
    }

    /// <summary>HTTP/2: a stream or connection that the upstream ended, or frames that cannot be right.</summary>
    private static EdgeError OfProtocol(Exception? exception)
    {
        const long ProtocolError = 1, FlowControlError = 3, FrameSizeError = 6, CompressionError = 9;
        return exception is HttpProtocolException protocol
            && protocol.ErrorCode is not (ProtocolError or FlowControlError or FrameSizeError or CompressionError)
                ? EdgeErrors.UpstreamConnectionReset
                : EdgeErrors.UpstreamProtocolError;
    }

    private static EdgeError OfUpload(HttpContext context, AggregateException exceptions)
    {
        foreach (var exception in exceptions.InnerExceptions)
        {
            if (exception is BadHttpRequestException bad)
            {
                return FailureCauses.OfBadRequest(context, bad);
            }

            // The server's word for a chunk longer than any number; the client is still there.
            if (exception is IOException { InnerException: OverflowException })
            {
                return EdgeErrors.MalformedRequest;
            }
        }

        return context.Response.StatusCode == StatusCodes.Status408RequestTimeout
            ? EdgeErrors.RequestTimeout
            : EdgeErrors.ClientDisconnected;
    }

    /// <summary>Chunks or trailers that cannot be read, rather than an end that came too early.</summary>
    private static bool IsNoBody(Exception? exception) => exception?.GetBaseException() is HttpIOException
    {
        HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded,
    };

    private static bool IsUpgrade(HttpContext context) =>
        context.Request.Headers.Upgrade.Count > 0
        || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
