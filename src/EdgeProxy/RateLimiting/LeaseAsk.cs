namespace EdgeProxy.RateLimiting;

/// <summary>What a node tells and asks about one bucket, in one call. Amounts in microtokens, times in microseconds.</summary>
/// <param name="Limits">All limits of the bucket; a lease is on all of them.</param>
/// <param name="Need">
/// What the requests that wait cost together. Given whole, or in steps of <paramref name="First"/>, or not at all; what a step leaves
/// over is lost, so ask for requests of one cost at a time.
/// </param>
/// <param name="First">Cost of the request that waits longest: less than that is not given.</param>
/// <param name="Want">Tokens to hold in advance; 0 for none.</param>
/// <param name="Demand">Microtokens a second that this node spends: nodes share what is scarce in proportion.</param>
/// <param name="Seq">Number of this question; grows with every question of this node about this bucket, answered or not.</param>
/// <param name="Ack">
/// Number of the last question whose answer was used; 0 at first. An answer that comes when a later question has been asked must not
/// be used: what it granted is taken back by the later one.
/// </param>
/// <param name="Unspent">What is left of the lease now and stays with the node.</param>
/// <param name="Returned">
/// What the node gives back. It is out of the node's hands from this question on, even if no answer comes: told twice, it would be
/// tokens that were never there.
/// </param>
/// <param name="Debt">
/// Spent without asking, and not from a lease. Taken from every limit; no level falls below minus its capacity by it. Below 0: given back,
/// and like <paramref name="Returned"/> out of the node's hands from this question on.
/// </param>
/// <param name="Deficit">
/// After an outage, for each limit, what this node's own bucket lacks to its share, but not more than was spent from it. Taken like
/// <paramref name="Debt"/>.
/// </param>
/// <param name="Known">
/// <paramref name="Unspent"/> is from a lease that has not run out. When the store has lost it, this tells it so: what is unspent
/// takes room again, and a bucket that is not there at all begins empty instead of full.
/// </param>
internal readonly record struct LeaseAsk(
    LimitSet Limits,
    long Need,
    long First,
    long Want,
    long Demand,
    long Seq,
    long Ack,
    long Unspent,
    long Returned,
    long Debt,
    Levels Deficit,
    bool Known);

/// <summary>What came of a <see cref="LeaseAsk"/>. Amounts in microtokens.</summary>
/// <param name="Status">Whether the question had any effect.</param>
/// <param name="Got">Spent for the waiting requests.</param>
/// <param name="Granted">
/// Now held by the node beyond what it told as unspent. All that it holds may be spent until the question was sent plus
/// <see cref="LeaseOptions.Spendable"/>, and no later.
/// </param>
/// <param name="Levels">What is left for all nodes under each limit, without what nodes hold.</param>
/// <param name="Outstanding">What nodes hold, this one included.</param>
/// <param name="Nodes">Nodes that hold tokens of this bucket, and this one.</param>
internal readonly record struct LeaseReply(
    LeaseStatus Status,
    long Got,
    long Granted,
    Levels Levels,
    long Outstanding,
    int Nodes);

internal enum LeaseStatus
{
    Answered,

    /// <summary>A question with this number or a later one has been answered before; this one did nothing.</summary>
    Fenced,
}
