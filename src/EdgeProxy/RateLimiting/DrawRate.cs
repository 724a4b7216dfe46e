namespace EdgeProxy.RateLimiting;

/// <summary>
/// How fast other nodes empty a bucket, as the store's answers show it: what is there by the last of them may be gone when the next one
/// is late.
/// </summary>
/// <param name="PerMicrosecond">In microtokens.</param>
internal readonly record struct DrawRate(double PerMicrosecond)
{
    /// <summary>Time constant in microseconds: a full bucket may be empty within some hundred milliseconds.</summary>
    private const double Memory = 20_000;

    /// <summary>The rate when others took so many microtokens in so many microseconds before an answer.</summary>
    public DrawRate After(long taken, long time) =>
        time <= 0 ? this : new(PerMicrosecond + (((taken / (double)time) - PerMicrosecond) * (1 - Math.Exp(-time / Memory))));

    /// <summary>
    /// What others may have taken when this node is heard again, if it was told <paramref name="age"/> microseconds ago what is left.
    /// Of a client who has not been asked about for longer it is not known whether it still sends.
    /// </summary>
    public long Ahead(long age) => (long)Math.Min(
        PerMicrosecond * (LeaseTerms.Unseen + age) * Math.Exp(-age / (2.0 * LeaseTerms.Unseen)), long.MaxValue / 4);
}
