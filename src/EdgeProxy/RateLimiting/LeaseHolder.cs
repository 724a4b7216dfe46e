namespace EdgeProxy.RateLimiting;

/// <summary>
/// What a bucket needs while this node holds a lease on it, asks for one, owes the store, or lets requests wait: nothing that a client
/// who is only refused or rarely seen has. Used under the lock of its stripe.
/// </summary>
internal sealed class LeaseHolder(LeaseTable table, int slot, BucketName name, LimitSet limits)
{
    /// <summary>What no bucket can hold is not charged either.</summary>
    private const long MostCharge = Rate.LargestCapacity * Rate.Token;

    public LeaseTable Table { get; } = table;

    public int Slot { get; } = slot;

    public BucketName Name { get; } = name;

    public LimitSet Limits { get; set; } = limits;

    /// <summary>Where the store keeps the bucket, as far as it has been looked up; below 0 when not.</summary>
    public int Place { get; set; } = -1;

    /// <summary>The store is being asked; <see cref="Ask"/> is what.</summary>
    public bool IsAsked { get; set; }

    public LeaseAsk Ask { get; set; }

    public long SentAt { get; set; }

    /// <summary>The last question whose answer was used.</summary>
    public long Ack { get; set; }

    /// <summary>From when on the store has no record of this node's lease any more.</summary>
    public long RecordUntil { get; set; }

    /// <summary>Tokens of a lease under limits that hold no longer; the store is given them back.</summary>
    public long Returning { get; set; }

    /// <summary>Admitted without the store and beyond the lease, in microtokens.</summary>
    public long Debt { get; set; }

    /// <summary>How much of <see cref="Debt"/> the question tells.</summary>
    public long DebtTold { get; set; }

    /// <summary>
    /// What answers said their requests cost beyond what was taken, and the lease did not have; below zero, what goes back. Microtokens.
    /// </summary>
    public long Charge { get; private set; }

    /// <summary>How much of <see cref="Charge"/> the question tells and is told again should it get lost.</summary>
    public long ChargeTold { get; private set; }

    /// <summary>The bucket has been given back full since the question was sent: what the answer says is left is true no more.</summary>
    public bool IsOutdated { get; set; }

    /// <summary>What other nodes take.</summary>
    public DrawRate Others { get; set; }

    /// <summary>Nodes that hold tokens of this bucket, as last told; this one included.</summary>
    public int Nodes { get; set; } = 1;

    /// <summary>Requests that wait, in the order they came.</summary>
    public Queue<LeaseWaiter> Waiters { get; } = new(1);

    /// <summary>How many of them the question is about.</summary>
    public int Asked { get; set; }

    /// <summary>The store's answer has not come in time; it may still come, but nobody waits for it.</summary>
    public bool IsLate(long now) => IsAsked && now - SentAt > LeaseTerms.Overdue;

    /// <summary>Nothing is lost when it is dropped.</summary>
    public bool IsDone(long now) => !IsAsked && Waiters.Count == 0 && Debt == 0 && Charge == 0 && now >= RecordUntil;

    /// <summary>Leaves its table when nothing is lost by that.</summary>
    public void Leave(long now)
    {
        if (IsDone(now))
        {
            Table.Holders.Remove(Slot);
        }
    }

    public void Add(long charge) => Charge = Math.Clamp(Charge + charge, -MostCharge, MostCharge);

    /// <summary>
    /// What a question tells of <see cref="Charge"/>. What goes back is told once: told twice, it would be tokens that never were there.
    /// </summary>
    public long Tell()
    {
        var told = Charge;
        ChargeTold = Math.Max(0, told);
        Charge = ChargeTold;
        return told;
    }

    public void Told() => Add(-ChargeTold);

    /// <summary>What was told is forgiven with the rest: the bucket has been given back full.</summary>
    public void Forgive() => (Charge, ChargeTold, Debt, DebtTold) = (0, 0, 0, 0);
}
