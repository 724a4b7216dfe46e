using System.Collections.Concurrent;
using EdgeProxy.Configuration;

namespace EdgeProxy.Redis;

/// <summary>
/// Keeps the deadline of calls, with a thread of its own: a timer of the runtime set to 5 ms fires after 8, and later still
/// when the thread pool is busy. It looks once a millisecond while anybody waits, and sleeps while nobody does.
/// </summary>
internal sealed class CallDeadlines : IDisposable
{
    private const int TickMilliseconds = 1;

    /// <summary>Most calls that wait at a time.</summary>
    private const int MostWaiting = 16_384;

    private readonly TimeProvider _time;
    private readonly long _expireAfter;
    private readonly ConcurrentQueue<StoreCall> _waiting = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly ManualResetEvent _stopped = new(false);
    private int _count;
    private int _isAsleep;
    private int _hasGivenUp;

    public CallDeadlines(TimeProvider time, StoreOptions options)
    {
        _time = time;
        Longest = options.Deadline;
        // A tick early: the next look would come after the deadline.
        var early = Math.Max(Longest.Ticks - TimeSpan.FromMilliseconds(TickMilliseconds).Ticks, Longest.Ticks / 2);
        _expireAfter = early * time.TimestampFrequency / TimeSpan.TicksPerSecond;
        new Thread(Run) { IsBackground = true, Name = "store deadlines", Priority = ThreadPriority.AboveNormal }.Start();
    }

    /// <summary>No request waits for longer.</summary>
    public TimeSpan Longest { get; }

    public bool IsFull => Volatile.Read(ref _count) >= MostWaiting;

    public void Watch(StoreCall call)
    {
        Interlocked.Increment(ref _count);
        _waiting.Enqueue(call);
        if (Interlocked.CompareExchange(ref _isAsleep, 0, 1) == 1)
        {
            _wake.Set();
        }
    }

    /// <summary>Ends the waiting of all calls to a server made so far: there is no hope left that justifies it.</summary>
    public void GiveUp(StoreServer server)
    {
        server.GiveUp(_time.GetTimestamp());
        Volatile.Write(ref _hasGivenUp, 1);
    }

    public void Dispose() => _stopped.Set();

    private void Run()
    {
        WaitHandle[] signals = [_stopped, _wake];
        while (!_stopped.WaitOne(0))
        {
            Sweep();
            if (!_waiting.IsEmpty)
            {
                _stopped.WaitOne(TickMilliseconds);
                continue;
            }

            Interlocked.Exchange(ref _isAsleep, 1);
            if (_waiting.IsEmpty)
            {
                WaitHandle.WaitAny(signals);
            }

            Interlocked.Exchange(ref _isAsleep, 0);
        }
    }

    /// <summary>
    /// All calls have the same deadline, so they expire in the order they came; but for those to a server that is given up, which may
    /// stand anywhere among the others.
    /// </summary>
    private void Sweep()
    {
        if (Interlocked.Exchange(ref _hasGivenUp, 0) == 1)
        {
            foreach (var waiting in _waiting)
            {
                if (waiting.Server?.HasGivenUp(waiting.StartedAt) == true)
                {
                    waiting.Expire();
                }
            }
        }

        var oldest = _time.GetTimestamp() - _expireAfter;
        while (_waiting.TryPeek(out var call)
            && (call.IsSettled || call.StartedAt <= oldest)
            && _waiting.TryDequeue(out call))
        {
            Interlocked.Decrement(ref _count);
            call.Expire();
        }
    }
}
