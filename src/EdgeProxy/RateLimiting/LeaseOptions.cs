namespace EdgeProxy.RateLimiting;

/// <summary>How tokens are lent. The same on all nodes.</summary>
internal sealed record LeaseOptions
{
    public static readonly LeaseOptions Default = new();

    /// <summary>How long a lease lasts in the store from its granting; a node that dies keeps its tokens away for no longer. 2 s.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The part of a lease in which its node may spend it, counted by the node's clock from when it asked, as a fraction: a clock that
    /// is slower than the store's by less than the rest never spends what the store counts as run out. 0.985.
    /// </summary>
    public double Margin { get; init; } = 0.985;

    /// <summary>How long a lease should suffice at the rate at which the node spends. 1 s.</summary>
    public TimeSpan Ahead { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Largest fraction of a bucket that nodes hold together, above 0 to 1. More saves calls; a burst at one node finds as much less
    /// while others hold it. 0.25.
    /// </summary>
    public double Hoard { get; init; } = 0.25;

    /// <summary>How many calls to the store a request may cost while tokens are scarce. 0.04.</summary>
    public double CallsPerRequest { get; init; } = 0.04;

    /// <summary>Fewer microtokens than these are not lent: buckets too small for it are decided by the store. 4 tokens.</summary>
    public long Least { get; init; } = 4 * Rate.Token;

    /// <summary>How long a node may spend a lease, counted from when it sent the question.</summary>
    public TimeSpan Spendable => Lease * Margin;
}
