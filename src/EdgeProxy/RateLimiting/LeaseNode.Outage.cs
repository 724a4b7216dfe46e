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
    /// been given it, and for what they draw until the store is heard again. The store is out of reach: unless something is owed to it
    /// already. It is only late: less what is owed, what it may be lending this node, and as much as comes in lately: what is scarce it
    /// gives to those whom it answers in time.
    /// </summary>
    /// <param name="toldAt">When the store was asked for that: what is known from a later time, of what was admitted since, holds.</param>
    /// <returns>False: nothing is known, or known better by who goes on already.</returns>
    public bool Recall(ref BucketTake take, long now, bool isLate, int nodes, out long toldAt)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.Find(high, low);
            toldAt = index == LeaseTable.None || table[index].Print != take.Limits!.Print ? 0 : table[index].LevelsAt;
            if (toldAt == 0)
            {
                return false;
            }

            var mine = table.Holders.TryGetValue(index, out var holder) ? holder.Debt : 0;
            if (!isLate && mine > 0)
            {
                return false; // it has gone on by itself, and may have filled up since, and been forgotten
            }

            mine += isLate && holder is { IsAsked: true } ? holder.Ask.Want : 0; // may be lent, and spent from
            var others = holder?.Others.Ahead(now - toldAt) ?? 0;
            var unseen = isLate ? LeaseTerms.Unseen : LeaseTerms.Unsure;
            take.Levels = table[index].LevelsNow(take.Limits!, now, Math.Max(toldAt, now - unseen));
            for (var i = 0; i < take.Limits!.Rates.Length; i++)
            {
                others = Math.Min(others, Math.Max(0, take.Levels[i])); // nobody draws what is not there, under any limit
            }

            for (var i = 0; i < take.Limits.Rates.Length; i++)
            {
                take.Levels[i] -= others + (nodes * mine) + (isLate ? take.Limits.Rates[i].Refill(0, unseen) / Rate.Token * Rate.Token : 0);
            }

            return true;
        }
    }

    /// <summary>The store's answer to a request has come after its time, and had spent for it.</summary>
    public bool IsPaid(ref BucketTake take, LeaseWaiter waiter, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (waiter.IsPaid && table.Find(high, low) is var index && index != LeaseTable.None)
            {
                (take.Levels, take.HasLevels) = (table[index].LevelsNow(take.Limits!, now), true);
            }

            return waiter.IsPaid;
        }
    }
}
