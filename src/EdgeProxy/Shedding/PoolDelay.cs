namespace EdgeProxy.Shedding;

/// <summary>
/// How long work waits for a thread of the pool, found by letting some wait. What counts is the shortest wait of a second: a pause or a
/// burst is no overload, a queue that never empties is.
/// </summary>
internal sealed class PoolDelay(TimeProvider time) : IThreadPoolWorkItem
{
    /// <summary>Samples that count, ten a second.</summary>
    public const int Samples = 10;

    /// <summary>Work of timers alone, between two samples.</summary>
    private const int FewItems = 32;

    private readonly TimeSpan[] _last = new TimeSpan[Samples];
    private int _next;
    private long _queuedAt;
    private long _ranAt;
    private long _done;

    /// <summary>To be called ten times a second, by a thread that is not of the pool.</summary>
    public TimeSpan Sample()
    {
        var ranAt = Volatile.Read(ref _ranAt);
        if ((ranAt != 0 || _queuedAt == 0) && IsIdle())
        {
            return Add(TimeSpan.Zero); // nothing to wait for, and no thread is to wake up to find that out
        }

        var shortest = ranAt != 0 ? Add(time.GetElapsedTime(_queuedAt, ranAt))
            : _queuedAt != 0 ? Add(time.GetElapsedTime(_queuedAt)) // still waiting: so long at least
            : TimeSpan.Zero;
        if (ranAt != 0 || _queuedAt == 0)
        {
            Volatile.Write(ref _ranAt, 0);
            _queuedAt = time.GetTimestamp();
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return shortest;
    }

    /// <summary>Nothing waits, and next to nothing has been done since the last look.</summary>
    private bool IsIdle()
    {
        var done = ThreadPool.CompletedWorkItemCount;
        var isIdle = done - _done < FewItems && ThreadPool.PendingWorkItemCount == 0;
        _done = done;
        return isIdle;
    }

    /// <summary>Adds a wait; the shortest of the last ones.</summary>
    public TimeSpan Add(TimeSpan wait)
    {
        _last[_next] = wait;
        _next = (_next + 1) % Samples;
        return _last.Min();
    }

    void IThreadPoolWorkItem.Execute() => Volatile.Write(ref _ranAt, time.GetTimestamp());
}
