namespace EdgeProxy.RateLimiting;

/// <summary>
/// Keeps buckets. Takes a request's cost from each limit of each policy of a verdict, or, when a policy that is not in shadow refuses,
/// none at all; then decides the verdict. Never throws, and never lets a request wait for longer than 5 ms.
/// </summary>
internal interface IBucketStore
{
    /// <summary>Decides without waiting where that is possible; false: <see cref="TakeAsync"/> has to.</summary>
    bool TryTake(RateLimitVerdict verdict);

    /// <summary>Decides, asking another process if need be.</summary>
    ValueTask TakeAsync(RateLimitVerdict verdict);
}
