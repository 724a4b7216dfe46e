using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Lends tokens of buckets that nodes share. What is lent goes on taking room in its bucket until it is reported spent, returned, or
/// has run out, which counts as spent: all nodes together never admit more than one bucket would.
/// </summary>
internal interface ILeaseStore
{
    /// <summary>One call. Never throws; a miss after 5 ms, and the question may or may not have taken effect then.</summary>
    ValueTask<StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask);
}
