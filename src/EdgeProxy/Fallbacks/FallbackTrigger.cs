using System.Globalization;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;

namespace EdgeProxy.Fallbacks;

/// <summary>What went wrong with a request, as far as a fallback goes.</summary>
/// <param name="Error">What the client would be told; null where that is an upstream's own answer.</param>
/// <param name="Status">Status of that answer; 0 when there was none.</param>
/// <param name="End">What it says about sending the request again.</param>
internal readonly record struct FallbackTrigger(FallbackCause Cause, EdgeError? Error = null, int Status = 0, AttemptEnd End = default)
{
    private static readonly HashSet<EdgeError> Transport =
    [
        EdgeErrors.DnsError, EdgeErrors.DnsTimeout, EdgeErrors.UpstreamUnroutable, EdgeErrors.UpstreamConnectionRefused,
        EdgeErrors.UpstreamConnectionReset, EdgeErrors.UpstreamTlsHandshake, EdgeErrors.UpstreamTlsCertificate,
        EdgeErrors.UpstreamTlsAlert, EdgeErrors.UpstreamProtocolError, EdgeErrors.UpstreamHeaderTooLarge,
        EdgeErrors.UpstreamResponseTruncated,
    ];

    private static readonly HashSet<EdgeError> Timeout =
    [
        EdgeErrors.UpstreamConnectTimeout, EdgeErrors.UpstreamWriteTimeout, EdgeErrors.UpstreamResponseTimeout,
        EdgeErrors.UpstreamIdleTimeout, EdgeErrors.DeadlineExceeded,
    ];

    /// <param name="rest">What is known of the rest of the answer; null: nothing.</param>
    public static FallbackTrigger Of(HttpResponseMessage answer, OverdueAnswer? rest) => rest is { IsCounted: true, IsWhole: false }
        ? new(FallbackCause.Timeout, EdgeErrors.UpstreamResponseTimeout, End: AttemptEnd.Incomplete)
        : new(FallbackCause.Status, Status: (int)answer.StatusCode, End: new AttemptEnd(RetryClass.Unknown, ""));

    /// <summary>An attempt without an answer, other than one that was given up.</summary>
    public static FallbackTrigger Of(Exception exception)
    {
        var end = AttemptEnd.Of(exception);
        return end.Class == RetryClass.Final ? default : Of(ForwarderErrors.OfAttempt(exception)) with { End = end };
    }

    /// <summary>Upstreams alone bring a cause: what clients, limits and the edge itself bring is none.</summary>
    public static FallbackTrigger Of(EdgeError? error) => new(CauseOf(error), error);

    /// <summary>A connection that is not made in time is a cause of both kinds.</summary>
    public bool IsCoveredBy(FallbackSettings settings) => Cause switch
    {
        FallbackCause.None => false,
        FallbackCause.Status => settings.Statuses.Contains(Status),
        _ => (settings.On & Cause) != 0
            || (Error == EdgeErrors.UpstreamConnectTimeout && (settings.On & FallbackCause.Transport) != 0),
    };

    /// <summary>The code of the catalogue, or the status of the answer.</summary>
    public string Word => Error?.Code ?? Status.ToString(CultureInfo.InvariantCulture);

    /// <summary>Member of `Proxy-Status` that says so, beside the answer that the client got instead.</summary>
    public string ProxyStatus(string name) => Error is null
        ? $"{name}; received-status={Status}; details=\"fallback\""
        : ErrorWriter.ProxyStatus(Error, name);

    private static FallbackCause CauseOf(EdgeError? error)
    {
        if (error is null)
        {
            return FallbackCause.None;
        }

        return Transport.Contains(error) ? FallbackCause.Transport
            : Timeout.Contains(error) ? FallbackCause.Timeout
            : error == EdgeErrors.CircuitOpen ? FallbackCause.Open
            : error == EdgeErrors.NoHealthyDestination || error == EdgeErrors.DestinationsEmpty ? FallbackCause.NoDestination
            : FallbackCause.None;
    }
}
