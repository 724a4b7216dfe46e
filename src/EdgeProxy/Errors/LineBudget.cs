namespace EdgeProxy.Errors;

/// <summary>How many lines of one sort there may be in a second, and how many were left out.</summary>
internal sealed class LineBudget(int max)
{
    private const int CountBits = 8;

    /// <summary>The second of the last line, and in the low bits how many it has had.</summary>
    private long _taken;

    private long _leftOut;

    public bool TryTake(long second)
    {
        while (true)
        {
            var seen = Volatile.Read(ref _taken);
            var count = seen >> CountBits == second ? seen & ((1 << CountBits) - 1) : 0;
            if (count >= max)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _taken, (second << CountBits) + count + 1, seen) == seen)
            {
                return true;
            }
        }
    }

    public void LeaveOut() => Interlocked.Increment(ref _leftOut);

    /// <summary>Lines that were left out since this was last asked.</summary>
    public long TakeLeftOut() => Interlocked.Exchange(ref _leftOut, 0);

    /// <summary>There has been none for a while.</summary>
    public bool IsIdle(long second) => second - (Volatile.Read(ref _taken) >> CountBits) > 60;
}
