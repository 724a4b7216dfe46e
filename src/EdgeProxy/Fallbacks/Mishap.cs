using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;

namespace EdgeProxy.Fallbacks;

/// <summary>What went wrong with a request, as far as a fallback goes.</summary>
/// <param name="Error">What the client would be told; null where that is an upstream's own answer.</param>
/// <param name="Status">Status of that answer; 0 when there was none.</param>
/// <param name="End">What it says about sending the request again.</param>
internal readonly record struct Mishap(Trouble Trouble, EdgeError? Error = null, int Status = 0, AttemptEnd End = default)
{
    private static readonly HashSet<EdgeError> Transport =
    [
        EdgeErrors.DnsError, EdgeErrors.DnsTimeout, EdgeErrors.UpstreamUnroutable, EdgeErrors.UpstreamConnectionRefused,
        EdgeErrors.UpstreamConnectionReset, EdgeErrors.UpstreamTlsHandshake, EdgeErrors.UpstreamTlsCertificate,
        EdgeErrors.UpstreamTlsAlert, EdgeErrors.UpstreamProtocolError, EdgeErrors.UpstreamHeaderTooLarge,
    ];

    private static readonly HashSet<EdgeError> Timeout =
    [
        EdgeErrors.UpstreamConnectTimeout, EdgeErrors.UpstreamWriteTimeout, EdgeErrors.UpstreamResponseTimeout,
        EdgeErrors.UpstreamIdleTimeout, EdgeErrors.DeadlineExceeded,
    ];

    public static Mishap Of(HttpResponseMessage answer) =>
        new(Trouble.Status, Status: (int)answer.StatusCode, End: new AttemptEnd(RetryClass.Unknown, ""));

    /// <summary>An attempt without an answer, other than one that was given up.</summary>
    public static Mishap Of(Exception exception)
    {
        var end = AttemptEnd.Of(exception);
        return end.Class == RetryClass.Final ? default : Of(ForwarderErrors.OfAttempt(exception)) with { End = end };
    }

    /// <summary>Trouble is what the upstream brings. What clients, limits and the edge itself bring is none.</summary>
    public static Mishap Of(EdgeError? error) => new(TroubleOf(error), error);

    /// <summary>A connection that is not made in time is trouble of both kinds.</summary>
    public bool IsCoveredBy(FallbackSettings settings) => Trouble switch
    {
        Trouble.None => false,
        Trouble.Status => settings.Statuses.Contains(Status),
        _ => (settings.On & Trouble) != 0
            || (Error == EdgeErrors.UpstreamConnectTimeout && (settings.On & Trouble.Transport) != 0),
    };

    /// <summary>Member of `Proxy-Status` that says so, beside the answer that the client got instead.</summary>
    public string ProxyStatus(string name) => Error is null
        ? $"{name}; received-status={Status}; details=\"fallback\""
        : ErrorWriter.ProxyStatus(Error, name);

    private static Trouble TroubleOf(EdgeError? error)
    {
        if (error is null)
        {
            return Trouble.None;
        }

        return Transport.Contains(error) ? Trouble.Transport
            : Timeout.Contains(error) ? Trouble.Timeout
            : error == EdgeErrors.CircuitOpen ? Trouble.Open
            : error == EdgeErrors.NoHealthyDestination || error == EdgeErrors.DestinationsEmpty ? Trouble.NoDestination
            : Trouble.None;
    }
}
