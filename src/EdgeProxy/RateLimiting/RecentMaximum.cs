namespace EdgeProxy.RateLimiting;

/// <summary>
/// The largest value of the last minute, in slots of ten seconds: a value counts for 50 to 60 s. Any number of threads may note values;
/// two that meet in a new slot may lose the smaller one.
/// </summary>
internal sealed class RecentMaximum
{
    private const int Slots = 6;
    private const long TicksPerSlot = 10 * TimeSpan.TicksPerSecond;

    private readonly long[] _slotOf = new long[Slots];
    private readonly long[] _values = new long[Slots];

    /// <param name="value">Not negative.</param>
    /// <param name="elapsed">Time since any fixed moment; it does not go back.</param>
    public void Note(long value, TimeSpan elapsed)
    {
        var slot = NumberOf(elapsed);
        var index = slot % Slots;
        if (Interlocked.Exchange(ref _slotOf[index], slot) != slot)
        {
            Volatile.Write(ref _values[index], value);
            return;
        }

        for (var seen = Volatile.Read(ref _values[index]); value > seen;)
        {
            var before = Interlocked.CompareExchange(ref _values[index], value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>0 when nothing was noted in the last minute.</summary>
    public long Read(TimeSpan elapsed)
    {
        var now = NumberOf(elapsed);
        var most = 0L;
        for (var i = 0; i < Slots; i++)
        {
            if (Volatile.Read(ref _slotOf[i]) > now - Slots)
            {
                most = Math.Max(most, Volatile.Read(ref _values[i]));
            }
        }

        return most;
    }

    /// <summary>From 1, so that the empty slots are none of the first minute's.</summary>
    private static long NumberOf(TimeSpan elapsed) => (elapsed.Ticks / TicksPerSlot) + Slots;
}
