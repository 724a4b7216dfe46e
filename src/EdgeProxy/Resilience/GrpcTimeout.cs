using System.Globalization;

namespace EdgeProxy.Resilience;

/// <summary>The field `grpc-timeout`: one to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const int DigitsMax = 8;

    /// <summary>Timers of the platform end a little above this.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    public static bool TryParse(string? text, out TimeSpan value)
    {
        value = default;
        if (text is not { Length: >= 2 and <= DigitsMax + 1 }
            || !uint.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return false;
        }

        var ticks = text[^1] switch
        {
            'H' => count * TimeSpan.TicksPerHour,
            'M' => count * TimeSpan.TicksPerMinute,
            'S' => count * TimeSpan.TicksPerSecond,
            'm' => count * TimeSpan.TicksPerMillisecond,
            'u' => count * TimeSpan.TicksPerMicrosecond,
            'n' => count / TimeSpan.NanosecondsPerTick,
            _ => -1,
        };
        value = TimeSpan.FromTicks(Math.Min(ticks, Longest.Ticks));
        return ticks >= 0;
    }
}
