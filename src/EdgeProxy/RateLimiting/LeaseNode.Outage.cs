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
            if (table.Holders.Count < LeaseTerms.MostDebtors / _tables.Length && HolderOf(table, high, low, take, now) is { } holder)
            {
                holder.Debt += take.Waiter?.Owe() ?? cost;
            }
        }
    }

    /// <summary>What the store said last of a bucket, unless something is owed to it already. False: nothing is known.</summary>
    public bool Recall(ref BucketTake take, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.Find(high, low);
            if (index == LeaseTable.None || table[index].LevelsAt == 0 || table[index].Print != take.Limits!.Print
                || (table.Holders.TryGetValue(index, out var holder) && holder.Debt > 0))
            {
                return false;
            }

            take.Levels = table[index].LevelsNow(take.Limits, now);
            return true;
        }
    }
}
