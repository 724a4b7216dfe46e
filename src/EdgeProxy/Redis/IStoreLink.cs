namespace EdgeProxy.Redis;

/// <summary>What a node knows of its way to the shared store.</summary>
internal interface IStoreLink
{
    /// <summary>Whether a question is worth asking.</summary>
    bool IsUp { get; }

    /// <summary>Nodes that share the store, as last heard; at least this one.</summary>
    int Nodes { get; }

    /// <summary>Ends the waiting of <paramref name="call"/> after the longest time that a request may wait.</summary>
    void Watch(StoreCall call);
}
