using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>What a node knows of its way to the shared store.</summary>
internal interface IStoreLink
{
    /// <summary>Whether a question is worth asking, whichever key it is about.</summary>
    bool IsUp { get; }

    /// <summary>It has been heard of since the start.</summary>
    bool HasAnswered { get; }

    /// <summary>Whether there are keys about which one is; <see cref="IsUpAt"/> says which.</summary>
    bool IsPartlyUp { get; }

    /// <summary>Nodes that share the store, as last heard; at least this one.</summary>
    int Nodes { get; }

    /// <summary>What every key begins with.</summary>
    string KeyPrefix => StoreOptions.DefaultPrefix;

    /// <summary>Where a key is kept: on a Redis Cluster its slot, else below 0.</summary>
    int PlaceOf(RedisKey key);

    /// <summary>Whether a question is worth asking about the keys of a place.</summary>
    bool IsUpAt(int place);

    /// <summary>Ends the waiting of <paramref name="call"/> after the longest time that a request may wait.</summary>
    void Watch(StoreCall call);
}
