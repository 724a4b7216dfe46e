using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.Documents;

/// <summary>
/// Durations as a configuration writes them: `250ms`, `5s`, `2m`, `1h`, `1d` in whole numbers, or `[d.]hh:mm:ss[.fffffff]`.
/// A bare number is no duration: YARP would read "5" as five days.
/// </summary>
internal static partial class DurationText
{
    /// <summary>Also in the JSON Schema. Hours end at 23: the platform would read "25:00:00" as 25 days.</summary>
    public const string Pattern = @"^-?([0-9]+(ms|s|m|h|d)|([0-9]+\.)?([01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,7})?)$";

    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        if (text.EndsWith('\n') || !Grammar().IsMatch(text))
        {
            return false;
        }

        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
        }

        var unit = text.EndsWith("ms", StringComparison.Ordinal) ? "ms" : text[^1..];
        return long.TryParse(text.AsSpan(0, text.Length - unit.Length), CultureInfo.InvariantCulture, out var count)
            && TryScale(count, TicksOf(unit), out value);
    }

    /// <summary>The shortest way to write a duration.</summary>
    public static string Format(TimeSpan value)
    {
        foreach (var unit in (ReadOnlySpan<string>)["d", "h", "m", "s", "ms"])
        {
            if (value.Ticks % TicksOf(unit) == 0 && (value.Ticks != 0 || unit == "s"))
            {
                return (value.Ticks / TicksOf(unit)).ToString(CultureInfo.InvariantCulture) + unit;
            }
        }

        return value.ToString("c", CultureInfo.InvariantCulture);
    }

    /// <summary>What a text such as `3 sec`, `1.5s` or `5` probably means, as it should be written; null when nobody can tell.</summary>
    public static string? Meant(string text)
    {
        var match = Loose().Match(text);
        if (!match.Success || !decimal.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out var count))
        {
            return null;
        }

        var unit = match.Groups[2].Value.ToLowerInvariant() switch
        {
            "" => "s",
            "ms" => "ms",
            ['m', 's' or 'i', 'l' or 'e', ..] => "ms", // msec, milliseconds
            var word => word[..1],
        };
        var ticks = count * TicksOf(unit);
        return ticks > long.MaxValue || ticks % TimeSpan.TicksPerMillisecond != 0 ? null
            : decimal.IsInteger(count) ? match.Groups[1].Value + unit
            : Format(TimeSpan.FromTicks((long)ticks));
    }

    private static bool TryScale(long count, long ticks, out TimeSpan value)
    {
        var fits = Math.Abs((decimal)count * ticks) < long.MaxValue;
        value = fits ? TimeSpan.FromTicks(count * ticks) : default;
        return fits;
    }

    private static long TicksOf(string unit) => unit switch
    {
        "ms" => TimeSpan.TicksPerMillisecond,
        "s" => TimeSpan.TicksPerSecond,
        "m" => TimeSpan.TicksPerMinute,
        "h" => TimeSpan.TicksPerHour,
        _ => TimeSpan.TicksPerDay,
    };

    [GeneratedRegex(Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Grammar();

    [GeneratedRegex(
        @"^\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(|ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\s*$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Loose();
}
