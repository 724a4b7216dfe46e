using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Lends tokens of buckets that nodes share. What is lent goes on taking room in its bucket until it is reported spent, returned, or
/// has run out, which counts as spent: all nodes together never admit more than one bucket would.
/// </summary>
internal interface ILeaseStore
{
    /// <summary>
    /// One call. Never throws. An answer may come as late as a second after; a miss says that none came, and the question may or may not
    /// have taken effect then. Requests keep deadlines of their own.
    /// </summary>
    ValueTask<StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask);
}
