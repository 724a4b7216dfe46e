namespace EdgeProxy.RateLimiting;

/// <content>What was taken is put right afterwards: by what an answer cost, or by somebody who gives a bucket back full.</content>
internal sealed partial class LeaseNode
{
    private long _granted;
    private long _returned;

    /// <summary>Microtokens that this node was lent, and that it gave back unspent, since it started.</summary>
    public (long Granted, long Returned) Lent => (Interlocked.Read(ref _granted), Interlocked.Read(ref _returned));

    /// <summary>Gives back what a take spent from a lease. What can no longer be given back stays spent.</summary>
    public void GiveBack(ref BucketTake take, long cost)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        if (table.Find(high, low) is var index && index != LeaseTable.None)
        {
            LeaseSlot.TryGiveBack(ref table[index], take.Generation, cost);
        }

        take.Outcome = TakeOutcome.GivenBack;
    }

    /// <summary>
    /// Charges, or below zero gives back, what a request cost beyond what was taken: to the lease where that has it, else to the store,
    /// which is told with the next question. <paramref name="toAsk"/>: when not null, the caller is to put it now.
    /// </summary>
    /// <returns>False: there is no room to remember it.</returns>
    public bool Settle(in BucketTake take, long difference, long now, bool canAsk, out LeaseHolder? toAsk)
    {
        toAsk = null;
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (table.Find(high, low) is var index && index != LeaseTable.None)
            {
                difference = SettleLease(ref table[index], high, low, take, difference, now);
            }

            if (difference == 0)
            {
                return true;
            }

            if (DebtorOf(table, high, low, take, now) is not { } holder)
            {
                return false;
            }

            ref var slot = ref table[holder.Slot];
            holder.Add(difference);
            slot.Levels = take.Limits!.Less(slot.Levels, difference);
            toAsk = canAsk && !holder.IsAsked && now >= slot.AskFrom ? Begin(holder, long.MaxValue, wants: true, now) : null;
            return true;
        }
    }

    /// <summary>Notes what a request that was admitted without the store cost beyond what is owed for it already.</summary>
    /// <returns>False: there is no room to remember it.</returns>
    public bool OweMore(in BucketTake take, long difference, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (DebtorOf(table, high, low, take, now) is not { } holder)
            {
                return false;
            }

            holder.Debt = Math.Max(0, holder.Debt + difference);
            return true;
        }
    }

    /// <summary>
    /// Gives back a lease before its bucket is filled, and forgets what is owed. Null: nothing to give back, or the store is being asked.
    /// </summary>
    public LeaseHolder? Release(in BucketName name, long now)
    {
        var (high, low) = name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            if (!table.Holders.TryGetValue(table.Find(high, low), out var holder))
            {
                return null;
            }

            holder.Forgive();
            return !holder.IsAsked && _terms.Excess(holder, now, all: true) is { } keep ? Begin(holder, keep, wants: false, now) : null;
        }
    }

    /// <summary>Forgets what the store said of a bucket: it has been given back full since.</summary>
    public void Forget(in BucketName name)
    {
        var (high, low) = name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.Find(high, low);
            if (index == LeaseTable.None)
            {
                return;
            }

            table[index].LevelsAt = 0;
            if (table.Holders.TryGetValue(index, out var holder) && holder.IsAsked)
            {
                holder.IsOutdated = true;
            }
            else
            {
                table[index].AskFrom = 0;
            }
        }
    }

    /// <summary>Who is to tell the store what is owed to it; null when too many do already, or the table is full.</summary>
    private LeaseHolder? DebtorOf(LeaseTable table, ulong high, ulong low, in BucketTake take, long now) =>
        table.Holders.Count < LeaseTerms.MostDebtors / _tables.Length || table.Holders.ContainsKey(table.Find(high, low))
            ? HolderOf(table, high, low, take, now)
            : null;

    /// <summary>What is left to settle when the lease has taken its part: tokens go back to the lease that they were spent from.</summary>
    private static long SettleLease(ref LeaseSlot slot, ulong high, ulong low, in BucketTake take, long difference, long now)
    {
        if (difference > 0)
        {
            return difference - LeaseSlot.SpendUpTo(ref slot, high, low, take.Limits!.Print, difference, now);
        }

        return take.Source == DecisionSource.Lease && now < slot.Expires && LeaseSlot.TryGiveBack(ref slot, take.Generation, -difference)
            ? 0
            : difference;
    }
}
