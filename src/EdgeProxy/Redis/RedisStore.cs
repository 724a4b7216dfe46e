using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>The shared store as features see it: up or not, and answering within the deadline or not at all.</summary>
internal sealed class RedisStore(TimeProvider time, StoreBreaker breaker, CallDeadlines deadlines, RedisMetrics metrics) : IStoreLink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private volatile IConnectionMultiplexer? _connection;
    private volatile int _nodes = 1;
    private Action<StoreMiss>? _note;

    /// <summary>Raised when a call's outcome opens the breaker.</summary>
    public event Action? Lost;

    /// <summary>Whether a question is worth asking. False: decide without the store, at once.</summary>
    public bool IsUp => !breaker.IsOpen;

    /// <summary>Nodes that shared the store when it was last heard; at least this one.</summary>
    public int Nodes => _nodes;

    /// <summary>Keys live in slots, and a script reaches those of one slot only.</summary>
    public bool IsCluster { get; private set; }

    /// <summary>Only while <see cref="IsUp"/>.</summary>
    public IDatabase Database => _connection!.GetDatabase();

    public bool ShareSlot(RedisKey[] keys) => !IsCluster || Array.TrueForAll(keys, SameSlotAs(keys[0]));

    public void Watch(StoreCall call) => deadlines.Watch(call);

    /// <summary>Waits for work on the store, but not for longer than <see cref="CallDeadlines.Longest"/>. Never throws.</summary>
    /// <param name="start">Begins the work; what it throws is a miss.</param>
    /// <param name="state">What <paramref name="start"/> needs, so that it can be static.</param>
    public async ValueTask<StoreReply<T>> AskAsync<TState, T>(Func<IDatabase, TState, Task<T>> start, TState state)
    {
        if (deadlines.IsFull)
        {
            metrics.Missed(StoreMiss.Overload);
            return new StoreReply<T>(StoreMiss.Overload, default);
        }

        if (!_connection!.IsConnected)
        {
            // Asked all the same, it would throw: milliseconds, when many requests do so at once.
            Note(StoreMiss.Connection);
            return new StoreReply<T>(StoreMiss.Connection, default);
        }

        var startedAt = time.GetTimestamp();
        var call = new StoreCall<T>(BeginAsync(start, state), startedAt, _note ??= Note);
        deadlines.Watch(call);
        var reply = await call.Reply;
        metrics.Waited(time.GetElapsedTime(startedAt));
        return reply;
    }

    /// <summary>As <see cref="AskAsync"/>, for work that no request waits for: it has a second, and a miss says nothing.</summary>
    public async ValueTask<StoreReply<T>> AskPatientlyAsync<TState, T>(Func<IDatabase, TState, Task<T>> start, TState state)
    {
        if (_connection is not { IsConnected: true })
        {
            return new StoreReply<T>(StoreMiss.Connection, default);
        }

        try
        {
            return new StoreReply<T>(StoreMiss.None, await BeginAsync(start, state).WaitAsync(Patience, time));
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            return new StoreReply<T>(StoreCall.MissOf(exception), default);
        }
    }

    /// <summary>Asks whether the store is there, outside any request. True: it is, and answered in time.</summary>
    public async Task<bool> ProbeAsync(Func<IDatabase, Task<int>> heartbeat, Action onLateAnswer)
    {
        if (_connection is null)
        {
            return false;
        }

        var work = heartbeat(Database);
        var call = new StoreCall<int>(work, time.GetTimestamp());
        deadlines.Watch(call);
        var reply = await call.Reply;
        if (reply.IsAnswered)
        {
            _nodes = Math.Max(1, reply.Value);
            breaker.Close();
            return true;
        }

        if (reply.Miss == StoreMiss.Deadline)
        {
            _ = work.ContinueWith(_ => onLateAnswer(), TaskContinuationOptions.OnlyOnRanToCompletion);
        }

        Note(reply.Miss);
        return false;
    }

    public void Use(IConnectionMultiplexer connection)
    {
        IsCluster = connection.GetServers().Any(server => server.ServerType == ServerType.Cluster);
        _connection = connection;
    }

    /// <summary>An exception at the start is one of the work, so that it is a miss like any other.</summary>
    private async Task<T> BeginAsync<TState, T>(Func<IDatabase, TState, Task<T>> start, TState state) => await start(Database, state);

    private void Note(StoreMiss miss)
    {
        if (miss != StoreMiss.None)
        {
            metrics.Missed(miss);
        }

        if (breaker.Note(miss == StoreMiss.None))
        {
            deadlines.GiveUp();
            Lost?.Invoke();
        }
    }

    private Predicate<RedisKey> SameSlotAs(RedisKey first)
    {
        var slot = _connection!.HashSlot(first);
        return key => _connection!.HashSlot(key) == slot;
    }
}
