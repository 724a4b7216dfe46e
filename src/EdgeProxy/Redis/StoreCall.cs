using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// A call that somebody waits for, but not for longer than its deadline. Whichever comes first, reply or deadline, settles it;
/// the other finds it settled and does nothing.
/// </summary>
internal abstract class StoreCall(long startedAt) : IThreadPoolWorkItem
{
    private int _isSettled;

    public long StartedAt { get; } = startedAt;

    /// <summary>The waiting ends when this server is given up; null: it does not depend on one alone.</summary>
    public StoreServer? Server { get; init; }

    public bool IsSettled => Volatile.Read(ref _isSettled) != 0;

    /// <summary>Ends the waiting without an answer. The caller goes on on the thread pool, not on the thread that keeps time.</summary>
    /// <remarks>
    /// Not inline: what follows may be long. A client that sends requests one behind the other, all in one packet, would keep
    /// the thread that keeps time for as long as it likes.
    /// </remarks>
    public void Expire()
    {
        if (TrySettle())
        {
            Missed();
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute() => GiveUp();

    public static StoreMiss MissOf(Exception? failure) => failure switch
    {
        RedisServerException => StoreMiss.Error,
        TimeoutException => StoreMiss.Deadline,
        _ => StoreMiss.Connection,
    };

    protected bool TrySettle() => Interlocked.Exchange(ref _isSettled, 1) == 0;

    protected abstract void Missed();

    protected abstract void GiveUp();
}

/// <inheritdoc cref="StoreCall"/>
internal sealed class StoreCall<T> : StoreCall
{
    private readonly Action<StoreMiss>? _note;

    // Continues right where the reply came in: that is a thread of the pool already.
    private readonly TaskCompletionSource<StoreReply<T>> _reply = new();
    private readonly Task<T> _work;

    /// <param name="work">What is waited for.</param>
    /// <param name="startedAt">Timestamp from which on the deadline counts.</param>
    /// <param name="note">
    /// Told at once how the call ended, on the thread that ended it: the breaker must not wait for the thread pool's turn.
    /// </param>
    public StoreCall(Task<T> work, long startedAt, Action<StoreMiss>? note = null)
        : base(startedAt)
    {
        _work = work;
        _note = note;
        work.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(OnReply);
    }

    public Task<StoreReply<T>> Reply => _reply.Task;

    /// <summary>What the work still comes to after the deadline, if it does within <paramref name="patience"/>.</summary>
    public async Task<StoreReply<T>> LateAsync(TimeSpan patience, TimeProvider time)
    {
        await ((Task)_work).WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _work switch
        {
            { IsCompletedSuccessfully: true } => new StoreReply<T>(StoreMiss.None, await _work),
            { IsCompleted: true } => new StoreReply<T>(MissOf(_work.Exception?.InnerException), default),
            _ => new StoreReply<T>(StoreMiss.Deadline, default),
        };
    }

    protected override void Missed() => _note?.Invoke(StoreMiss.Deadline);

    protected override void GiveUp() => _reply.SetResult(new StoreReply<T>(StoreMiss.Deadline, default));

    private void OnReply()
    {
        var failure = _work.Exception?.InnerException; // read even when nobody waits any more: it counts as observed then
        if (TrySettle())
        {
            var reply = _work.IsCompletedSuccessfully
                ? new StoreReply<T>(StoreMiss.None, _work.GetAwaiter().GetResult())
                : new StoreReply<T>(MissOf(failure), default);
            _note?.Invoke(reply.Miss);
            _reply.SetResult(reply);
        }
    }
}

/// <summary>What came of a call.</summary>
internal readonly record struct StoreReply<T>(StoreMiss Miss, T? Value)
{
    public bool IsAnswered => Miss == StoreMiss.None;
}

/// <summary>Why there is no answer.</summary>
internal enum StoreMiss
{
    None,

    /// <summary>Not in time.</summary>
    Deadline,

    /// <summary>No connection, or it broke.</summary>
    Connection,

    /// <summary>The store answered with an error.</summary>
    Error,

    /// <summary>More calls are waiting than the edge lets wait; this one was not made.</summary>
    Overload,

    /// <summary>Not in time, from a server that has answered nothing at all for a while; counted only.</summary>
    Silent,
}
