using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Arithmetic of one bucket, in whole microtokens and microseconds: a bucket is refilled when it is looked at, never by a
/// timer. Rounding is always down, to the edge's side: a decision loses less than a microtoken and costs a million.
/// </summary>
/// <param name="Capacity">Microtokens that the bucket holds.</param>
/// <param name="Gain">Microtokens that it gains…</param>
/// <param name="Per">…in so many microseconds.</param>
internal readonly record struct Rate(long Capacity, long Gain, long Per)
{
    /// <summary>One token.</summary>
    public const long Token = 1_000_000;

    /// <summary>Largest capacity in tokens; above it microtokens would not be exact in the store's floating-point numbers.</summary>
    public const long LargestCapacity = 9_000_000_000;

    /// <summary>Time in microseconds from empty to full.</summary>
    public long TimeToFill => TimeUntil(0, Capacity);

    public static Rate Of(Limit limit)
    {
        var gain = Math.Clamp(limit.Refill, 1, LargestCapacity) * Token;
        var per = Math.Max(1, limit.Every.Ticks / TimeSpan.TicksPerMicrosecond);
        var divisor = GreatestCommonDivisor(gain, per);
        return new Rate(Math.Clamp(limit.Capacity, 1, LargestCapacity) * Token, gain / divisor, per / divisor);
    }

    /// <summary>This node's share when <paramref name="nodes"/> nodes cannot count together; never below one token.</summary>
    public Rate Share(int nodes) => nodes <= 1 ? this : new Rate(Math.Max(Token, Capacity / nodes), Gain, Per * nodes);

    /// <summary>The level after <paramref name="elapsed"/> microseconds. Never above the capacity.</summary>
    public long Refill(long level, long elapsed)
    {
        if (elapsed <= 0 || level >= Capacity)
        {
            return Math.Min(level, Capacity);
        }

        var high = Math.BigMul(elapsed, Gain, out var low);
        var gained = high == 0 && low >= 0 ? low / Per : (long)Int128.Min(((Int128)elapsed * Gain) / Per, Capacity);
        return level + Math.Min(gained, Capacity - level);
    }

    /// <summary>Microseconds until the level is <paramref name="wanted"/>; <see cref="long.MaxValue"/> when it never is.</summary>
    public long TimeUntil(long level, long wanted)
    {
        if (level >= wanted)
        {
            return 0;
        }

        if (wanted > Capacity)
        {
            return long.MaxValue;
        }

        var high = Math.BigMul(wanted - level, Per, out var low);
        if (high == 0 && low >= 0 && low <= long.MaxValue - Gain)
        {
            return (low + Gain - 1) / Gain;
        }

        var missing = (Int128)(wanted - level) * Per;
        return (long)Int128.Min((missing + Gain - 1) / Gain, long.MaxValue / 4);
    }

    private static long GreatestCommonDivisor(long a, long b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }
}

/// <summary>Microtokens in the buckets of one client under one policy, one for each limit.</summary>
[InlineArray(LimitSet.Most)]
internal struct Levels
{
    private long _first;
}
