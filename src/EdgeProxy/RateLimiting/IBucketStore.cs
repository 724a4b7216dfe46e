namespace EdgeProxy.RateLimiting;

/// <summary>
/// Keeps buckets. Takes a request's cost from each limit of each policy of a verdict, or, when a policy that is not in shadow refuses,
/// none at all; then decides the verdict. Never throws, and never lets a request wait for longer than `Edge.Store.Deadline`.
/// </summary>
internal interface IAskedBucketStore
{
    /// <summary>Decides, asking another process if need be.</summary>
    ValueTask TakeAsync(RateLimitVerdict verdict);

    /// <summary>
    /// Charges what an admitted request cost beyond what was taken, or below zero gives it back; nobody waits for it. A level falls to
    /// minus the capacity at most.
    /// </summary>
    /// <returns>False: it is lost.</returns>
    bool Settle(ref BucketTake take, long difference);

    /// <summary>What is in a bucket now. Spends and writes nothing. Null when the store does not answer within a second.</summary>
    ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits);

    /// <summary>
    /// Gives a bucket back full, less what nodes hold of it, and says what is in it then. Null when the store does not answer within a
    /// second; it may have been done then. A node that refuses by itself notices within a second.
    /// </summary>
    ValueTask<BucketView?> FillAsync(BucketName name, LimitSet limits);
}

/// <summary>The one that requests come to.</summary>
internal interface IBucketStore : IAskedBucketStore
{
    /// <summary>Decides without waiting where that is possible; false: <see cref="IAskedBucketStore.TakeAsync"/> has to.</summary>
    bool TryTake(RateLimitVerdict verdict);
}

/// <summary>What is in a bucket, in microtokens.</summary>
/// <param name="Levels">Left for all nodes, under each limit.</param>
/// <param name="Held">Held by nodes in leases, and not reported spent so far; the same under each limit.</param>
/// <param name="Nodes">Nodes that hold some.</param>
internal sealed record BucketView(Levels Levels, long Held, int Nodes);
