using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// The three fields that clients written before the draft look for. They have room for one limit: the one closest to refusing,
/// which is the one with the fewest tokens left, since a request costs the same in all of them.
/// </summary>
internal static class LegacyFields
{
    private const string LimitField = "X-RateLimit-Limit";
    private const string RemainingField = "X-RateLimit-Remaining";

    /// <summary>Whole seconds from now until the bucket is full again, never a date.</summary>
    private const string ResetField = "X-RateLimit-Reset";

    /// <summary>Fields of these names that the upstream sent go in any case, known level or not.</summary>
    public static void Write(IHeaderDictionary headers, RateLimitVerdict verdict)
    {
        Rate? closest = null;
        var left = long.MaxValue;
        foreach (ref var take in verdict.Takes)
        {
            if (!take.HasLevels || !RateLimitFields.Mentions(take, RateLimitHeaders.Legacy))
            {
                continue;
            }

            for (var i = 0; i < take.Limits!.Rates.Length; i++)
            {
                if (take.Levels[i] < left)
                {
                    (closest, left) = (take.Limits.Rates[i], take.Levels[i]);
                }
            }
        }

        if (closest is not { } rate)
        {
            headers[LimitField] = headers[RemainingField] = headers[ResetField] = StringValues.Empty;
            return;
        }

        headers[LimitField] = Text(rate.Capacity / Rate.Token);
        headers[RemainingField] = Text(Math.Max(0, left / Rate.Token));
        headers[ResetField] = Text(LimitSet.CeilingSeconds(rate.TimeUntil(left, rate.Capacity)));
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
