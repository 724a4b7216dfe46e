using System.Globalization;

namespace EdgeProxy.Resilience;

/// <summary>The field `grpc-timeout`: one to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    public const string Field = "grpc-timeout";

    private const int DigitsMax = 8;

    /// <summary>Timers of the platform end a little above this.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    /// <summary>Tells the destination of a call how much of its time is left.</summary>
    public static void Tell(HttpRequestMessage request, TimeSpan left)
    {
        const long MillisecondsMax = 99_999_999; // eight digits
        var milliseconds = Math.Clamp((long)left.TotalMilliseconds, 1, MillisecondsMax * 1000);
        var text = milliseconds <= MillisecondsMax ? $"{milliseconds}m" : $"{milliseconds / 1000}S";
        request.Headers.Remove(Field);
        request.Headers.TryAddWithoutValidation(Field, text);
    }

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
