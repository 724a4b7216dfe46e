namespace EdgeProxy.RateLimiting;

/// <content>What is decided without the store goes on from what the store said last, and is told to it later.</content>
internal sealed partial class LeaseNode
{
    /// <summary>Notes that a request was admitted without the store, which is to be told so.</summary>
    public void Owe(in BucketTake take, long cost, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (DebtorOf(table, high, low, take, now) is { } holder)
            {
                holder.Debt += take.Waiter?.Owe() ?? cost;
            }
        }
    }

    /// <summary>
    /// Notes that a request was refused without the store, or admitted from a lease after all: the store's answer to it, should it come
    /// yet, nobody needs.
    /// </summary>
    public void Decline(in BucketTake take, LeaseWaiter waiter, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (waiter.Decline() is > 0 and var back && DebtorOf(table, high, low, take, now) is { } holder)
            {
                holder.Add(-back);
            }
        }
    }

    /// <summary>
    /// What this node may go on from: what the store said last and what came in since, but for the last moment, in which others may have
    /// been given it. The store is out of reach: unless something is owed to it already. It is only late: less what is owed, and less as
    /// much as comes in lately: what is scarce it gives to those whom it answers in time.
    /// </summary>
    /// <returns>False: nothing is known, or known better by who goes on already.</returns>
    public bool Recall(ref BucketTake take, long now, bool isLate, int nodes)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.Find(high, low);
            if (index == LeaseTable.None || table[index].LevelsAt == 0 || table[index].Print != take.Limits!.Print)
            {
                return false;
            }

            var debt = table.Holders.TryGetValue(index, out var holder) ? holder.Debt : 0;
            if (!isLate && debt > 0)
            {
                return false;
            }

            ref var slot = ref table[index];
            take.Levels = slot.LevelsNow(take.Limits, now, Math.Max(slot.LevelsAt, now - (isLate ? LeaseTerms.Unseen : LeaseTerms.Unsure)));
            for (var i = 0; i < take.Limits.Rates.Length; i++)
            {
                take.Levels[i] -= (nodes * debt) + (isLate ? take.Limits.Rates[i].Refill(0, LeaseTerms.Unseen) : 0);
            }

            return true;
        }
    }
}
