using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>Limits that were hardly meant as they are written.</summary>
internal static class RateLimitWarnings
{
    private const long SmallCapacity = 100;

    private static readonly TimeSpan ShortTime = TimeSpan.FromMilliseconds(100);

    /// <summary>A handful of tokens that come back within milliseconds limit nobody: `5ms` where `5m` was meant.</summary>
    public static void CheckTimes(Section owner, FaultList faults)
    {
        foreach (var limit in owner.Items("Limits"))
        {
            if (limit.Find("Every") is ScalarNode every && limit.Has("Capacity")
                && limit.Duration("Every") is var time && time > TimeSpan.Zero && time < ShortTime
                && limit.Number("Capacity") <= SmallCapacity)
            {
                faults.Warn(
                    FaultCodes.ShortEvery, every.Place, every.Path,
                    $"the tokens come back every {every.Shown}: hardly anybody is ever refused",
                    !every.IsExpanded && every.Text.EndsWith("ms", StringComparison.Ordinal) ? every.Text[..^1] : null);
            }
        }
    }

    /// <summary>A route without a limit, where the others of its path and file have one; one that says `Disable` means it.</summary>
    public static void CheckNeighbours(Draft draft, FaultList faults)
    {
        var paths = draft.Routes.Where(route => !string.IsNullOrEmpty(route.Config.Match.Path)).GroupBy(
            route => (route.Entry.Member.Place.File, route.Config.Match.Path!.Trim('/').ToUpperInvariant()));
        foreach (var path in paths)
        {
            faults.GoOn();
            var other = path.FirstOrDefault(HasLimits);
            foreach (var member in path.Where(route => other is not null && !HasLimits(route)).Select(route => route.Entry.Member))
            {
                faults.Warn(
                    FaultCodes.MissingLimit, member.Place, member.Value.Path,
                    $"it has no limit, and \"{other!.Entry.Id}\" at {other.Entry.Member.Place} of the same path has; "
                    + "\"RateLimiterPolicy\": \"Disable\" would say that it is meant");
            }
        }
    }

    private static bool HasLimits(RouteDraft route) => route.Entry.Section.Has("RateLimiterPolicy") || route.Entry.Section.Has("RateLimits")
        || route.Entry.Section.IsUnknown("RateLimiterPolicy");
}
