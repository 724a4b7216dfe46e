using System.Net;
using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>How an attempt at a destination ended. The closed label set of `edgeproxy_attempts_total`.</summary>
internal static class AttemptOutcome
{
    /// <summary>Answered with a status below 500.</summary>
    public const string Ok = "ok";

    /// <summary>Answered with a status of 500 or more.</summary>
    public const string ServerError = "server_error";

    /// <summary>The edge had no descriptor or port left for a connection; it says nothing about the destination.</summary>
    public const string EdgeExhausted = "edge_exhausted";

    /// <summary>The destination's name was not resolved.</summary>
    public const string Dns = "dns";

    /// <summary>Nobody listens at the destination's address.</summary>
    public const string Refused = "refused";

    /// <summary>No connection within the connect timeout.</summary>
    public const string ConnectTimeout = "connect_timeout";

    /// <summary>No connection for another reason, such as no route to the host.</summary>
    public const string ConnectFailed = "connect_failed";

    public const string Tls = "tls";

    /// <summary>Closed or reset before the answer's head was complete.</summary>
    public const string Closed = "closed";

    /// <summary>An HTTP/2 stream was not processed: REFUSED_STREAM, or a GOAWAY that leaves it out.</summary>
    public const string RefusedStream = "refused_stream";

    /// <summary>Answered something that is not HTTP, or against its rules.</summary>
    public const string Protocol = "protocol_error";

    /// <summary>No answer within the time that route and cluster allow.</summary>
    public const string Timeout = "timeout";

    /// <summary>The client went away first.</summary>
    public const string Canceled = "canceled";

    /// <summary>The client's request broke off or was not sendable, as a WebSocket over HTTP/2 is not everywhere.</summary>
    public const string Failed = "failed";

    public static IReadOnlyList<string> All { get; } =
    [
        Ok, ServerError, Dns, Refused, ConnectTimeout, ConnectFailed, Tls, Closed, RefusedStream, Protocol, Timeout, Canceled, Failed,
        EdgeExhausted,
    ];

    /// <summary>Place of an outcome in <see cref="All"/>.</summary>
    public static int IndexOf(string outcome)
    {
        for (var i = 0; i < All.Count; i++)
        {
            if (All[i] == outcome)
            {
                return i;
            }
        }

        return -1;
    }

    public static string Of(HttpStatusCode status) => (int)status < 500 ? Ok : ServerError;

    /// <param name="clientIsGone">The client has given the request up.</param>
    /// <param name="isGivenUp">The attempt's cancellation is signalled, for whatever reason.</param>
    public static string Of(Exception exception, bool clientIsGone, bool isGivenUp) => exception switch
    {
        _ when clientIsGone => Canceled,
        OperationCanceledException => isGivenUp ? Timeout : ConnectTimeout,
        _ when Http2Codes.IsNotProcessed(exception) => RefusedStream,
        _ => Of(UpstreamFaults.Of(exception)),
    };

    private static string Of(UpstreamFault fault) => fault switch
    {
        UpstreamFault.EdgeExhausted => EdgeExhausted,
        UpstreamFault.Dns => Dns,
        UpstreamFault.Refused => Refused,
        UpstreamFault.ConnectTimeout => ConnectTimeout,
        UpstreamFault.Unroutable or UpstreamFault.NotConnected => ConnectFailed,
        UpstreamFault.TlsHandshake or UpstreamFault.TlsCertificate or UpstreamFault.TlsAlert => Tls,
        UpstreamFault.Closed => Closed,
        UpstreamFault.Protocol or UpstreamFault.HeadTooLarge => Protocol,
        _ => Failed, // any client can ask for a WebSocket, anywhere
    };
}
