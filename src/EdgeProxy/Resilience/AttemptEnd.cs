using System.Globalization;
using System.Net.Http.Headers;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>How an attempt ended, as far as sending the request again goes.</summary>
/// <param name="Reason">Label of `edgeproxy_retries_total`, of <see cref="Reasons"/>.</param>
/// <param name="IsUnsent">There was no connection, so that nothing of the request has left.</param>
internal readonly record struct AttemptEnd(RetryClass Class, string Reason, bool IsUnsent = false, TimeSpan? Asked = null)
{
    /// <summary>An answer broke off, or its rest did not come.</summary>
    public const string ShortOfBytes = "incomplete";

    private static readonly TimeSpan NoOther = TimeSpan.FromTicks(-1);

    private const string Status = "status";
    private const string Unavailable = "unavailable";

    public static IReadOnlyList<string> Reasons { get; } =
    [
        AttemptOutcome.Dns, AttemptOutcome.Refused, AttemptOutcome.ConnectTimeout, AttemptOutcome.ConnectFailed, AttemptOutcome.Tls,
        AttemptOutcome.Closed, AttemptOutcome.Protocol, AttemptOutcome.Timeout, AttemptOutcome.RefusedStream, Status, Unavailable,
        ShortOfBytes, AttemptMetrics.StaleConnection,
    ];

    /// <summary>With a short answer that broke off, or whose rest did not come in time, before anything of it went to the client.</summary>
    public static AttemptEnd Incomplete => new(RetryClass.Unknown, ShortOfBytes);

    /// <summary>Without an answer, and not because the request was given up.</summary>
    public static AttemptEnd Of(Exception exception)
    {
        switch (exception)
        {
            case ResponseTimeoutException:
                return new(RetryClass.Unknown, AttemptOutcome.Timeout);
            case OperationCanceledException:
                return exception.InnerException is TimeoutException
                    ? new(RetryClass.NotProcessed, AttemptOutcome.ConnectTimeout, IsUnsent: true)
                    : default;
            case IncompleteAnswerException:
                return Incomplete;
            case HttpRequestException when Http2Codes.IsNotProcessed(exception):
                return new(RetryClass.NotProcessed, AttemptOutcome.RefusedStream);
        }

        var outcome = AttemptOutcome.Of(exception, clientIsGone: false, isGivenUp: false);
        return outcome switch
        {
            AttemptOutcome.Dns or AttemptOutcome.Refused or AttemptOutcome.ConnectTimeout or AttemptOutcome.ConnectFailed
                or AttemptOutcome.Tls => new(RetryClass.NotProcessed, outcome, IsUnsent: true),
            AttemptOutcome.Closed or AttemptOutcome.Protocol => new(RetryClass.Unknown, outcome),
            _ => default,
        };
    }

    public static AttemptEnd Of(HttpResponseMessage answer, RetrySettings settings, DateTimeOffset now)
    {
        var fields = answer.Headers.NonValidated;
        if (answer.Version.Major == 2 && fields.TryGetValues("grpc-status", out var status))
        {
            return status.ToString() == "14"
                ? new(RetryClass.Unknown, Unavailable, Asked: Enough(fields) ?? Pushback(TextOf(fields, "grpc-retry-pushback-ms")))
                : default;
        }

        return settings.On.Contains((int)answer.StatusCode)
            ? new(RetryClass.Unknown, Status, Asked: Enough(fields) ?? RetryAfter(TextOf(fields, "Retry-After"), now))
            : default;
    }

    /// <summary>An edge behind this one has tried it several times: a wish for no other attempt. Retries shall not multiply.</summary>
    private static TimeSpan? Enough(HttpHeadersNonValidated fields) =>
        TextOf(fields, EdgeFields.AttemptCount) is { } text && uint.TryParse(text, out var made) && made > 1 ? NoOther : null;

    private static string? TextOf(HttpHeadersNonValidated fields, string name) =>
        fields.TryGetValues(name, out var values) ? values.ToString() : null;

    /// <summary>Milliseconds; what is no number means that the call is not to be made again, as a negative one does.</summary>
    private static TimeSpan? Pushback(string? text) => text switch
    {
        null => null,
        _ when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) => TimeSpan.FromMilliseconds(ms),
        _ => NoOther,
    };

    /// <summary>Seconds or a date; null when it is neither.</summary>
    private static TimeSpan? RetryAfter(string? text, DateTimeOffset now)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            return TimeSpan.FromSeconds(seconds);
        }

        return DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)
            ? TimeSpan.FromTicks(Math.Max(0, (date - now).Ticks))
            : null;
    }
}
