using EdgeProxy.Configuration;

namespace EdgeProxy.Resilience;

/// <summary>What an attempt's end says about sending its request again.</summary>
internal enum RetryClass
{
    /// <summary>It stands: an answer, or a failure that another attempt would not mend.</summary>
    Final,

    /// <summary>The request was provably not processed: any method may be sent again.</summary>
    NotProcessed,

    /// <summary>Nobody knows: only what may be done twice is sent again.</summary>
    Unknown,
}

/// <summary>All that is known when an attempt has ended.</summary>
internal readonly record struct RetryQuestion
{
    public required RetryClass Class { get; init; }

    /// <summary>Doing it twice has the effect of once, by its method or by the route's word.</summary>
    public bool IsIdempotent { get; init; }

    /// <summary>There is no body, or all of it is at hand.</summary>
    public bool CanSendBody { get; init; }

    /// <summary>Attempts made so far, from 1.</summary>
    public int Made { get; init; }

    /// <summary>Another destination than those tried is there.</summary>
    public bool HasOther { get; init; }

    /// <summary>The wait that the destination asked for; negative: it wants no other attempt. Null: it did not say.</summary>
    public TimeSpan? Asked { get; init; }

    /// <summary>What is left of the request's time; null: it has no bound.</summary>
    public TimeSpan? Left { get; init; }

    /// <summary>From 0 up to 1.</summary>
    public double Chance { get; init; }
}

/// <summary>Whether a request is sent again, and after how long.</summary>
/// <param name="Wait">Null: it is not.</param>
/// <param name="Skipped">Why not, of <see cref="RetrySkips"/>; null when it is, and when there was nothing to try again.</param>
internal readonly record struct RetryDecision(TimeSpan? Wait, string? Skipped)
{
    /// <summary>The longest wait that a destination may ask for; beyond it, the client is told instead.</summary>
    public static readonly TimeSpan AskedMax = TimeSpan.FromSeconds(2);

    /// <summary>An attempt that would have less time is not begun.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromMilliseconds(10);

    /// <summary>All but the budget and the choice of a destination, which are to be asked last: asking takes.</summary>
    public static RetryDecision Of(RetrySettings settings, in RetryQuestion question)
    {
        if (question.Class == RetryClass.Final)
        {
            return default;
        }

        if (question.Made >= settings.Attempts)
        {
            return Skip(RetrySkips.Limit);
        }

        if (question.Class == RetryClass.Unknown && !question.IsIdempotent)
        {
            return Skip(RetrySkips.Method);
        }

        if (!question.CanSendBody)
        {
            return Skip(RetrySkips.Body);
        }

        if (question.Asked is { } asked && (asked < TimeSpan.Zero || asked > AskedMax))
        {
            return Skip(RetrySkips.RetryAfter);
        }

        var wait = question.Asked is { } time ? time * (1 + (question.Chance / 4)) : Backoff(settings, question);
        return question.Left is { } left && left < wait + Least ? Skip(RetrySkips.Deadline) : new RetryDecision(wait, null);
    }

    /// <summary>Any time up to a bound that doubles; none where nothing was processed and another destination can be had at once.</summary>
    private static TimeSpan Backoff(RetrySettings settings, in RetryQuestion question) =>
        question is { Class: RetryClass.NotProcessed, Made: 1, HasOther: true }
            ? TimeSpan.Zero
            : question.Chance * TimeSpan.FromTicks(Math.Min(settings.BackoffMax.Ticks, settings.BackoffBase.Ticks << (question.Made - 1)));

    private static RetryDecision Skip(string reason) => new(null, reason);
}

/// <summary>Why a failed attempt was not followed by another. The closed label set of `edgeproxy_retries_skipped_total`.</summary>
internal static class RetrySkips
{
    /// <summary>The cluster's budget is used up.</summary>
    public const string Budget = "budget";

    /// <summary>Another attempt would not fit into the request's time.</summary>
    public const string Deadline = "deadline";

    /// <summary>The body is not at hand any more: too large, or still on its way.</summary>
    public const string Body = "body";

    /// <summary>The request may have been processed, and its method is not idempotent.</summary>
    public const string Method = "method";

    /// <summary>The answer had begun.</summary>
    public const string Started = "started";

    /// <summary>All attempts are made.</summary>
    public const string Limit = "limit";

    /// <summary>No destination may be tried now.</summary>
    public const string NoDestination = "no_destination";

    /// <summary>The destination asked for a longer wait, or for no other attempt.</summary>
    public const string RetryAfter = "retry_after";

    public static IReadOnlyList<string> All { get; } = [Budget, Deadline, Body, Method, Started, Limit, NoDestination, RetryAfter];
}
