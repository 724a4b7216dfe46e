using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>
/// A server that keeps a part of the store, and whether it is worth asking: on a Redis Cluster each master, else the whole store. What
/// one of them does says nothing of the others.
/// </summary>
internal sealed class StoreServer
{
    private readonly StoreBreaker _breaker = new();
    private long _givenUpAt = long.MinValue;

    /// <summary>Null: whichever server the client chooses.</summary>
    public IServer? Client { get; set; }

    /// <summary>Key of the nodes that have been heard by this server, which keeps it; null where no server keeps anything.</summary>
    public RedisKey? Heartbeat { get; set; }

    /// <summary>Nodes that shared the store when this server was last heard.</summary>
    public int Nodes { get; private set; } = 1;

    /// <summary>Whether a question is worth asking. False: decide without the store, at once.</summary>
    public bool IsUp => !_breaker.IsOpen;

    /// <summary>When it was last heard of, in time or late; 0: never.</summary>
    public long HeardAt { get; private set; }

    /// <summary>How long its last answer to a probe took.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>What it does when it is short of memory; null: not known.</summary>
    public string? EvictionPolicy { get; set; }

    /// <summary>Single buckets may vanish at any time.</summary>
    public bool Evicts => EvictionPolicy is not (null or "noeviction");

    /// <summary>Told how calls to this server end; made once, so that no call makes its own.</summary>
    public Action<StoreMiss>? Noted { get; set; }

    /// <summary>It has answered a probe, in time or not.</summary>
    public void Heard(long now, TimeSpan took) => (HeardAt, Took) = (now, took);

    public void Answered(int nodes)
    {
        Nodes = Math.Max(1, nodes);
        if (IsUp)
        {
            _breaker.Note(answered: true); // that a heartbeat is in time does not undo the misses of requests
        }
        else
        {
            _breaker.Close();
        }
    }

    /// <summary>Notes how a call ended. True when this one opened the breaker.</summary>
    public bool Note(bool answered) => _breaker.Note(answered);

    /// <summary>Ends the waiting of all calls that have begun by <paramref name="now"/>; <see cref="CallDeadlines"/> looks.</summary>
    public void GiveUp(long now) => Volatile.Write(ref _givenUpAt, now);

    public bool HasGivenUp(long startedAt) => startedAt <= Volatile.Read(ref _givenUpAt);
}
