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
                _ when context.Edge().ClientKeptWaiting => EdgeErrors.RequestTimeout,
                _ when context.Edge() is { UploadEndedEarly: true } && !GrpcAnswer.IsExpected(context.Request.ContentType)
                    => EdgeErrors.UpstreamWriteTimeout,
                _ => EdgeErrors.UpstreamIdleTimeout,
            },

            // Time that ran out while the client's body was waited for, whoever would have been next.
            ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled when pastDeadline && context.Edge().ClientKeptWaiting
                => EdgeErrors.RequestTimeout,

            // The token that ends these early is the client's, or the route's deadline linked to it. An idle timeout is not
            // among them: it is put down to whoever was being waited for.
            ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
                => pastDeadline || !context.RequestAborted.IsCancellationRequested ? EdgeErrors.DeadlineExceeded
                : report.Error == ForwarderError.RequestCanceled && context.Edge().IsAbandoned ? EdgeErrors.UpstreamAbandoned
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
            ForwarderError.ResponseBodyDestination => OfBody(report.Exception),
            ForwarderError.ResponseHeaders => IsUpgrade(context)
                ? EdgeErrors.UpstreamUpgradeFailed
                : EdgeErrors.UpstreamProtocolError,

            ForwarderError.UpgradeActivityTimeout => EdgeErrors.UpstreamIdleTimeout,
            ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination
                when context.Edge().HasGotClose?.Invoke() is true => null,
            ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination => EdgeErrors.UpstreamResponseTruncated,
            ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeResponseClient
                or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled => EdgeErrors.ClientDisconnected,
            _ => null,
        };
    }

    /// <summary>Why an attempt had no answer, other than that it was given up.</summary>
    public static EdgeError OfAttempt(Exception exception) => exception switch
    {
        ResponseTimeoutException => EdgeErrors.UpstreamResponseTimeout,
        OperationCanceledException => EdgeErrors.UpstreamConnectTimeout,
        _ => OfRequest(exception),
    };

    /// <summary>Why no answer came, or no more of one than could be held back.</summary>
    private static EdgeError OfRequest(Exception? exception) => UpstreamFaults.Of(exception) switch
    {
        _ when exception is IncompleteAnswerException => OfBody(exception),
        UpstreamFault.EdgeExhausted => EdgeErrors.SocketsExhausted,
        UpstreamFault.Dns => EdgeErrors.DnsError,
        UpstreamFault.Prohibited => EdgeErrors.DestinationProhibited,
        UpstreamFault.Refused or UpstreamFault.NotConnected => EdgeErrors.UpstreamConnectionRefused,
        UpstreamFault.ConnectTimeout => EdgeErrors.UpstreamConnectTimeout,
        UpstreamFault.Unroutable => EdgeErrors.UpstreamUnroutable,
        UpstreamFault.TlsHandshake => EdgeErrors.UpstreamTlsHandshake,
        UpstreamFault.TlsCertificate => EdgeErrors.UpstreamTlsCertificate,
        UpstreamFault.TlsAlert => EdgeErrors.UpstreamTlsAlert,
        UpstreamFault.Protocol or UpstreamFault.NoVersion => EdgeErrors.UpstreamProtocolError,
        UpstreamFault.HeadTooLarge => EdgeErrors.UpstreamHeaderTooLarge,
        UpstreamFault.NoUpgrade => EdgeErrors.UpstreamUpgradeFailed,
        UpstreamFault.FieldsTooLarge => EdgeErrors.HeaderTooLarge,
        _ => EdgeErrors.UpstreamConnectionReset,
    };

    /// <summary>Why an answer's body did not come to its end.</summary>
    private static EdgeError OfBody(Exception? exception) => UpstreamFaults.OfBody(exception) switch
    {
        UpstreamFault.HeadTooLarge => EdgeErrors.UpstreamHeaderTooLarge,
        UpstreamFault.Protocol => EdgeErrors.UpstreamProtocolError,
        _ => EdgeErrors.UpstreamResponseTruncated,
    };

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

    private static bool IsUpgrade(HttpContext context) =>
        context.Request.Headers.Upgrade.Count > 0
        || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
