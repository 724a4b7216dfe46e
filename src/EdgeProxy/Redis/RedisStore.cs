using System.Net;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>The shared store as features see it: up or not, and answering within the deadline or not at all.</summary>
internal sealed class RedisStore(TimeProvider time, StoreServers servers, CallDeadlines deadlines, RedisMetrics metrics) : IStoreLink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>A server that has answered nothing for so long, though it is asked all the time, is not slow but gone.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    private volatile IConnectionMultiplexer? _connection;

    /// <summary>
    /// Raised when a request has had no answer, or the last hope of one is gone: whether the store answers at all is to be found out.
    /// </summary>
    public event Action? Missed;

    /// <summary>Whether a question is worth asking, whichever key it is about.</summary>
    public bool IsUp => servers.IsUp;

    public bool IsPartlyUp => servers.IsPartlyUp;

    public bool HasAnswered { get; private set; }

    public string KeyPrefix => servers.KeyPrefix;

    /// <summary>Nodes that shared the store when it was last heard; at least this one.</summary>
    public int Nodes => servers.Nodes;

    /// <summary>Keys live in slots, and a script reaches those of one slot only.</summary>
    public bool IsCluster => servers.IsCluster;

    /// <summary>Only once the store has been <see cref="IsPartlyUp"/>.</summary>
    public IDatabase Database => _connection!.GetDatabase();

    public int PlaceOf(RedisKey key) => IsCluster ? _connection!.HashSlot(key) : -1;

    public bool IsUpAt(int place) => servers.At(place).IsUp;

    public bool ShareSlot(RedisKey[] keys)
    {
        var place = PlaceOf(keys[0]);
        return !IsCluster || Array.TrueForAll(keys, key => PlaceOf(key) == place);
    }

    public StoreServer ServerOf(RedisKey key) => servers.At(PlaceOf(key));

    public void Watch(StoreCall call) => deadlines.Watch(call);

    /// <summary>
    /// Waits for work on the store, but not for longer than <see cref="CallDeadlines.Longest"/>, and not at all when the server is known
    /// not to answer. Never throws.
    /// </summary>
    /// <param name="server">Who is asked, or asked first.</param>
    /// <param name="start">Begins the work; what it throws is a miss.</param>
    /// <param name="state">What <paramref name="start"/> needs, so that it can be static.</param>
    /// <param name="turn">Where several servers are asked one after the other: whose turn it is.</param>
    /// <param name="takesLate">
    /// An answer after the deadline is of use, for a second; the miss is noted in time all the same. No request may wait for it.
    /// </param>
    public async ValueTask<StoreReply<T>> AskAsync<TState, T>(
        StoreServer server, Func<IDatabase, TState, Task<T>> start, TState state, StoreTurn? turn = null, bool takesLate = false)
    {
        if (!server.IsUp)
        {
            return new StoreReply<T>(StoreMiss.Connection, default);
        }

        if (deadlines.IsFull)
        {
            metrics.Missed(StoreMiss.Overload);
            return new StoreReply<T>(StoreMiss.Overload, default);
        }

        if (!(server.Client?.IsConnected ?? _connection!.IsConnected))
        {
            // Asked all the same, it would throw: milliseconds, when many requests do so at once.
            Note(server, StoreMiss.Connection);
            return new StoreReply<T>(StoreMiss.Connection, default);
        }

        var startedAt = time.GetTimestamp();
        var note = turn is null ? server.Noted ??= miss => Note(server, miss) : miss => Note(turn.Server, miss);
        var call = new StoreCall<T>(BeginAsync(start, state), startedAt, note) { Server = turn is null ? server : null };
        deadlines.Watch(call);
        var reply = await call.Reply;
        metrics.Waited(time.GetElapsedTime(startedAt));
        return takesLate && reply.Miss == StoreMiss.Deadline ? await call.LateAsync(Patience, time) : reply;
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

    /// <summary>Asks whether all servers are there, outside any request. True: they are, and answered in time.</summary>
    /// <param name="heartbeat">Tells one server that this node lives, under a key that it keeps, and asks how many do.</param>
    /// <param name="onLateAnswer">Told when an answer came that was not in time.</param>
    public async Task<bool> ProbeAsync(Func<IDatabase, RedisKey, Task<int>> heartbeat, Action onLateAnswer)
    {
        if (_connection is not null)
        {
            await Task.WhenAll(servers.All.Select(server => ProbeAsync(server, heartbeat, onLateAnswer)));
        }

        return IsUp;
    }

    /// <summary>It was asked, and has answered nothing for a while, not even late.</summary>
    public bool IsSilent(StoreServer server) => time.GetElapsedTime(server.HeardAt) >= Silence;

    /// <summary>Leaves the nodes, so that the others' share grows at once; should this get lost, they notice after four seconds.</summary>
    public void Leave(RedisValue node)
    {
        foreach (var server in servers.All)
        {
            if (server is { IsUp: true, Heartbeat: { } key })
            {
                _ = Database.SortedSetRemoveAsync(key, node, CommandFlags.FireAndForget);
            }
        }
    }

    /// <summary>Where those are that cannot be asked; <paramref name="all"/> where it is not known which.</summary>
    public IEnumerable<EndPoint> Silent(IEnumerable<EndPoint> all)
    {
        var silent = servers.All.Where(server => !server.IsUp).Select(server => server.Client?.EndPoint).OfType<EndPoint>().ToList();
        return silent.Count > 0 ? silent : all;
    }

    /// <returns>Whether other servers are to be asked than before.</returns>
    public bool Use(IConnectionMultiplexer connection)
    {
        _connection = connection;
        return servers.Learn(connection);
    }

    private async Task ProbeAsync(StoreServer server, Func<IDatabase, RedisKey, Task<int>> heartbeat, Action onLateAnswer)
    {
        if (server.Heartbeat is not { } key)
        {
            return;
        }

        var startedAt = time.GetTimestamp();
        var work = heartbeat(Database, key);
        var call = new StoreCall<int>(work, startedAt);
        deadlines.Watch(call);
        var reply = await call.Reply;
        if (reply.IsAnswered)
        {
            server.Heard(time.GetTimestamp(), time.GetElapsedTime(startedAt));
            HasAnswered = true;
            server.Answered(reply.Value);
            return;
        }

        if (reply.Miss == StoreMiss.Error)
        {
            server.Heard(time.GetTimestamp(), time.GetElapsedTime(startedAt)); // a refusal is an answer
        }
        else if (reply.Miss == StoreMiss.Deadline)
        {
            _ = HearLateAsync(server, work, startedAt, onLateAnswer);
        }

        if (IsLost(server, reply.Miss))
        {
            Missed?.Invoke();
        }
    }

    private async Task HearLateAsync(StoreServer server, Task work, long startedAt, Action onLateAnswer)
    {
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (work.IsCompletedSuccessfully || work.Exception?.InnerException is RedisServerException)
        {
            server.Heard(time.GetTimestamp(), time.GetElapsedTime(startedAt));
        }

        if (work.IsCompletedSuccessfully)
        {
            onLateAnswer();
        }
    }

    /// <summary>An exception at the start is one of the work, so that it is a miss like any other.</summary>
    private async Task<T> BeginAsync<TState, T>(Func<IDatabase, TState, Task<T>> start, TState state) => await start(Database, state);

    private void Note(StoreServer server, StoreMiss miss)
    {
        if (IsLost(server, miss) || miss != StoreMiss.None)
        {
            Missed?.Invoke();
        }
    }

    /// <summary>Notes how a call ended. True when nobody waits for this server from now on.</summary>
    private bool IsLost(StoreServer server, StoreMiss miss)
    {
        if (miss != StoreMiss.None)
        {
            metrics.Missed(miss == StoreMiss.Deadline && IsSilent(server) ? StoreMiss.Silent : miss);
        }

        var isLost = server.Note(miss == StoreMiss.None);
        if (isLost)
        {
            deadlines.GiveUp(server);
        }

        return isLost;
    }
}

/// <summary>Whose turn it is while several servers are asked one after the other: a miss is that one's.</summary>
internal sealed class StoreTurn
{
    public required StoreServer Server { get; set; }
}
