namespace EdgeProxy.Shedding;

/// <summary>A number of those inside that many raise at once, without a lock, and never above its bound.</summary>
internal static class BoundedCount
{
    /// <summary>One more, unless there are <paramref name="max"/> already.</summary>
    public static bool TryIncrement(ref int count, int max)
    {
        var known = Volatile.Read(ref count);
        while (known < max)
        {
            var seen = Interlocked.CompareExchange(ref count, known + 1, known);
            if (seen == known)
            {
                return true;
            }

            known = seen;
        }

        return false;
    }
}
