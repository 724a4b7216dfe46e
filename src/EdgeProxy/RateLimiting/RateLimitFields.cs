using EdgeProxy.Errors;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// What a client is told of its limits: `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-10, and
/// the error of a refusal.
/// </summary>
internal static class RateLimitFields
{
    private const string PolicyField = "RateLimit-Policy";
    private const string LevelField = "RateLimit";

    /// <summary>
    /// Sets the fields when the answer starts, whoever makes it: fields of these names that the upstream sent are there by
    /// then, and are replaced.
    /// </summary>
    public static void Announce(HttpContext context) => context.Response.OnStarting(
        static state =>
        {
            var response = ((HttpContext)state).Response;
            Write(response.Headers, response.HttpContext.Edge().RateLimits!);
            return Task.CompletedTask;
        },
        context);

    /// <summary>Answers a refused request.</summary>
    public static void Refuse(HttpContext context)
    {
        var edge = context.Edge();
        var verdict = edge.RateLimits!;
        edge.Failure ??= verdict.Outcome == TakeOutcome.Unavailable
            ? new EdgeFailure(EdgeErrors.RateLimiterUnavailable)
            {
                RetryAfterSeconds = 1,
                Cause = $"the store cannot be asked, and OnStoreOutage of {verdict.ClosedPolicy} is Closed",
            }
            : new EdgeFailure(verdict.IsQuota ? EdgeErrors.QuotaExceeded : EdgeErrors.RateLimited)
            {
                RetryAfterSeconds = verdict.RetryAfterMicros is { } wait
                    ? (int)Math.Clamp(LimitSet.CeilingSeconds(wait), 1, int.MaxValue)
                    : null,
                ViolatedPolicies = verdict.Violated,
            };
    }

    /// <summary>Whether a take shows in fields of this kind: policies in shadow and plans without limits do not.</summary>
    public static bool Mentions(in BucketTake take, RateLimitHeaders kind) =>
        take is { Limits: not null, IsShadow: false } && (take.Policy.Headers & kind) != 0;

    /// <summary>A level that nobody knows is left out.</summary>
    private static void Write(IHeaderDictionary headers, RateLimitVerdict verdict)
    {
        string? policies = null;
        string? levels = null;
        var isLegacy = false;
        foreach (ref var take in verdict.Takes)
        {
            isLegacy |= Mentions(take, RateLimitHeaders.Legacy);
            if (!Mentions(take, RateLimitHeaders.Draft))
            {
                continue;
            }

            var limits = take.Limits!;
            policies = policies is null ? limits.PolicyField : $"{policies},{limits.PolicyField}";
            if (take.HasLevels)
            {
                var text = limits.LevelField(take.Levels);
                levels = levels is null ? text : $"{levels},{text}";
            }
        }

        if (policies is not null)
        {
            headers[PolicyField] = policies;
            headers[LevelField] = levels is null ? StringValues.Empty : levels;
        }

        if (isLegacy)
        {
            LegacyFields.Write(headers, verdict);
        }
    }
}
