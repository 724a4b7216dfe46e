using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// What a node does with buckets of the shared store: spends leases, refuses what cannot be there yet, and says what to ask the store.
/// It neither asks nor reads a clock: times are told to it, in microseconds of a clock that never moves back.
/// </summary>
internal sealed partial class LeaseNode
{
    /// <summary>Most buckets that the node keeps something about; requests for further ones ask the store each.</summary>
    public const int DefaultMost = 1 << 20;

    private readonly LeaseTable[] _tables;
    private readonly SipHash _hash;
    private readonly LeaseTerms _terms;
    private long _seq;
    private double _roundTrip = 1000;

    public LeaseNode(LeaseOptions options, int most = DefaultMost, int stripes = 256)
    {
        _terms = new LeaseTerms(options);
        _tables = [.. Enumerable.Range(0, stripes).Select(_ => new LeaseTable(Math.Max(1, most / stripes)))];
        _hash = SipHash.WithSecretKey();
    }

    /// <summary>There are leases, or debts to be told. Read without a lock: it may be about to change.</summary>
    public bool IsHolding => Array.Exists(_tables, static table => table.Holders.Count > 0);

    /// <summary>Buckets that the node keeps something about.</summary>
    public int Count => _tables.Sum(table => table.Count);

    /// <summary>
    /// Decides by what the node has. No lock, nothing allocated. When <paramref name="isDue"/>, the caller is to <see cref="Renew"/>.
    /// </summary>
    /// <param name="isAgain">The request has been counted already: it has waited in vain.</param>
    public LeaseAnswer TryTake(ref BucketTake take, long cost, long now, out bool isDue, bool isAgain = false)
    {
        isDue = false;
        var set = take.Limits!;
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        var index = table.Find(high, low);
        if (index == LeaseTable.None)
        {
            return LeaseAnswer.Unknown;
        }

        ref var slot = ref table[index];
        var generation = LeaseSlot.GenerationOf(Volatile.Read(ref slot.Word));
        if (!isAgain)
        {
            LeaseSlot.Count(ref slot, cost, now, _roundTrip);
        }

        if (LeaseSlot.TrySpend(ref slot, high, low, set.Print, cost, now, out var word))
        {
            (take.Source, take.Outcome, take.HasLevels) = (DecisionSource.Lease, TakeOutcome.Admitted, true);
            take.Levels = slot.LevelsNow(set, now);
            take.Generation = LeaseSlot.GenerationOf(word);
            isDue = now >= slot.AskFrom && LeaseSlot.TokensOf(word) < slot.RenewBelow * Rate.Token;
            return LeaseAnswer.Admitted;
        }

        var askFrom = Volatile.Read(ref slot.AskFrom);
        var isPaced = now < askFrom && askFrom != long.MaxValue;
        var lacks = slot.Lacks(set, cost, now, out var levels);
        if ((!isPaced && !lacks) || !slot.IsOf(high, low, set.Print)
            || LeaseSlot.GenerationOf(Volatile.Read(ref slot.Word)) != generation)
        {
            return LeaseAnswer.Unknown;
        }

        (take.Source, take.Outcome, take.HasLevels) = (DecisionSource.DenyCache, TakeOutcome.Refused, true);
        take.Levels = lacks ? levels : LeaseTerms.Short(set, levels, cost, askFrom - now);
        return LeaseAnswer.Refused;
    }

    /// <summary>
    /// Lets a request wait. Null when the table has no room: ask for this request alone. <paramref name="toAsk"/>: when not null, the
    /// caller is to put its question to the store.
    /// </summary>
    public LeaseWaiter? Join(in BucketTake take, LeaseWaiter waiter, long now, out LeaseHolder? toAsk)
    {
        toAsk = null;
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var isNew = table.Find(high, low) == LeaseTable.None;
            if (HolderOf(table, high, low, take, now) is not { } holder)
            {
                return null;
            }

            ref var slot = ref table[holder.Slot];
            if (isNew)
            {
                LeaseSlot.Count(ref slot, waiter.Cost, now, _roundTrip); // TryTake has counted all others
            }

            if (LeaseSlot.TrySpend(ref slot, high, low, take.Limits!.Print, waiter.Cost, now, out _))
            {
                waiter.GoOn(LeaseAnswer.Admitted, slot.LevelsNow(take.Limits, now), DecisionSource.Lease);
            }
            else if (holder.IsLate(now))
            {
                waiter.GoOn(LeaseAnswer.Unknown, default, DecisionSource.Store);
            }
            else
            {
                holder.Waiters.Enqueue(waiter);
                toAsk = holder.IsAsked ? null : Begin(holder, long.MaxValue, wants: true, now);
            }

            return waiter;
        }
    }

    /// <summary>Asks for tokens before they are needed. Null: nothing to ask now.</summary>
    public LeaseHolder? Renew(in BucketTake take, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.Find(high, low);
            if (index == LeaseTable.None || !_terms.MayHold(take.Limits!, table[index].DemandAt(now)))
            {
                return null;
            }

            ref var slot = ref table[index];
            return now >= slot.AskFrom && slot.UnspentAt(now) < slot.RenewBelow * Rate.Token
                && HolderOf(table, high, low, take, now) is { IsAsked: false } holder
                    ? Begin(holder, long.MaxValue, wants: true, now)
                    : null;
        }
    }

    /// <summary>Asks again for those that came while the store was asked. Null: nobody waits.</summary>
    public LeaseHolder? Follow(LeaseHolder holder, long now)
    {
        lock (holder.Table.Lock)
        {
            if (!holder.IsAsked && holder.Waiters.Count > 0)
            {
                return Begin(holder, long.MaxValue, wants: true, now);
            }

            holder.Leave(now);
            return null;
        }
    }

    /// <summary>
    /// Takes in what the store said, or that it said nothing in time, and decides the requests that waited for it: the caller is to let
    /// them go on.
    /// </summary>
    public List<LeaseWaiter>? End(LeaseHolder holder, in StoreReply<LeaseReply> reply, long now)
    {
        lock (holder.Table.Lock)
        {
            ref var slot = ref holder.Table[holder.Slot];
            holder.IsAsked = false;
            slot.AskFrom = 0;
            var decided = holder.Waiters.Count > 0 ? new List<LeaseWaiter>(holder.Waiters.Count) : null;
            if (!reply.IsAnswered || reply.Value.Status == LeaseStatus.Fenced)
            {
                LeaseWaiters.Abandon(holder, decided);
                return decided;
            }

            _roundTrip += (Math.Min(now - holder.SentAt, LeaseTerms.Overdue) - _roundTrip) / 8;
            Learn(holder, ref slot, reply.Value, now);
            LeaseWaiters.Settle(holder, ref slot, reply.Value, now, decided);
            return decided;
        }
    }

    /// <summary>Notes what the store said to a request that asked by itself.</summary>
    public void Learn(in BucketTake take, long now)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var index = table.FindOrAdd(high, low, now);
            if (index != LeaseTable.None && !table.Holders.ContainsKey(index))
            {
                ref var slot = ref table[index];
                slot.Print = take.Limits!.Print;
                slot.Levels = take.Levels;
                slot.LevelsAt = now;
                slot.KeptUntil = now + LeaseTerms.UntilFull(take.Limits, take.Levels);
            }
        }
    }

    /// <summary>Questions that give back what is held in vain, or all; and that tell debts.</summary>
    /// <param name="now">The time.</param>
    /// <param name="all">All is to be given back.</param>
    /// <param name="canAsk">Which holders a question is worth asking for; null: all.</param>
    public List<LeaseHolder>? Sweep(long now, bool all = false, Predicate<LeaseHolder>? canAsk = null)
    {
        List<LeaseHolder>? due = null;
        foreach (var table in _tables)
        {
            if (table.Holders.Count == 0)
            {
                continue; // read without the lock: whoever comes late is met at the next sweep
            }

            lock (table.Lock)
            {
                foreach (var holder in table.Holders.Values)
                {
                    holder.Leave(now);
                    if (!holder.IsAsked && !holder.IsDone(now) && _terms.Excess(holder, now, all) is { } keep
                        && canAsk?.Invoke(holder) != false)
                    {
                        (due ??= []).Add(Begin(holder, keep, wants: false, now));
                    }
                }
            }
        }

        return due;
    }

    private LeaseHolder Begin(LeaseHolder holder, long keep, bool wants, long now)
    {
        ref var slot = ref holder.Table[holder.Slot];
        holder.Ask = _terms.Compose(holder, ref slot, Interlocked.Increment(ref _seq), keep, wants, now);
        holder.IsAsked = true;
        holder.SentAt = now;
        holder.DebtTold = holder.Debt;
        holder.IsOutdated = false;
        slot.AskFrom = long.MaxValue;
        return holder;
    }

    private void Learn(LeaseHolder holder, ref LeaseSlot slot, in LeaseReply reply, long now)
    {
        var ask = holder.Ask;
        if (slot.LevelsAt != 0 && slot.Print == ask.Limits.Print)
        {
            holder.Others = holder.Others.After(LeaseTerms.TakenByOthers(holder, slot, reply), holder.SentAt - slot.LevelsAt);
        }

        holder.Ack = ask.Seq;
        holder.Nodes = Math.Max(1, reply.Nodes);
        holder.Debt = Math.Max(0, holder.Debt - holder.DebtTold);
        holder.Told();
        Interlocked.Add(ref _granted, reply.Granted);
        Interlocked.Add(ref _returned, ask.Returned);
        slot.Levels = ask.Limits.Less(reply.Levels, Math.Max(0, holder.Charge)); // less what has been charged since it was asked
        slot.LevelsAt = holder.IsOutdated ? 0 : holder.SentAt;
        slot.KeptUntil = now + LeaseTerms.UntilFull(ask.Limits, reply.Levels);
        var holds = ask.Unspent + reply.Granted > 0;
        holder.RecordUntil = holds || ask.Want > 0 ? now + _terms.RecordMicros : 0;
        slot.KeptUntil = Math.Max(slot.KeptUntil, holder.RecordUntil);
        Volatile.Write(ref slot.Expires, holds ? holder.SentAt + _terms.SpendableMicros : 0);
        slot.AskFrom = ask.Want > 0 && !holder.IsOutdated ? _terms.Pace(ask.Limits, slot.DemandAt(now), reply.Levels, holder.SentAt) : 0;
    }

    /// <summary>The bucket's holder, made if need be; null when the table is full. A lease under other limits is ended.</summary>
    private static LeaseHolder? HolderOf(LeaseTable table, ulong high, ulong low, in BucketTake take, long now)
    {
        var index = table.FindOrAdd(high, low, now);
        if (index == LeaseTable.None)
        {
            return null;
        }

        ref var slot = ref table[index];
        if (!table.Holders.TryGetValue(index, out var holder))
        {
            table.Holders[index] = holder = new LeaseHolder(table, index, take.Name, take.Limits!);
        }

        if (slot.Print != take.Limits!.Print)
        {
            holder.Returning += LeaseSlot.Close(ref slot, keep: 0, now).Returned;
            holder.Limits = take.Limits;
            slot.Print = take.Limits.Print;
            slot.LevelsAt = 0;
        }

        return holder;
    }

    private LeaseTable TableOf(ulong low) => _tables[(int)(low % (uint)_tables.Length)];
}
