namespace EdgeProxy.RateLimiting;

/// <summary>The arithmetic of leases: how much to ask for, how often, and how long what was told holds.</summary>
internal sealed class LeaseTerms(LeaseOptions options)
{
    /// <summary>Buckets at most whose debts are kept; of others an outage is not told.</summary>
    public const int MostDebtors = 1 << 16;

    /// <summary>An answer that has not come for so long is late: whoever asks from now on does not wait for it. Microseconds.</summary>
    public const long Overdue = 5000;

    /// <summary>For how long back a node without an answer does not know what others were given, in microseconds.</summary>
    public const long Unseen = (long)LongestPace;

    /// <summary>
    /// For so long at the beginning of an outage, and before it, what comes in is left to others: it may be this node alone that has had
    /// no answer. In microseconds.
    /// </summary>
    public const long Unsure = 30_000;

    /// <summary>Tokens a second below which a lease is not worth a record in the store: each request asks.</summary>
    private const double Cold = 8;

    /// <summary>How long nothing has to come until a lease is given back, in microseconds.</summary>
    private const long Idle = 250_000;

    /// <summary>
    /// A lease that runs out within this, in microseconds, is reported on: nobody spends from it although there are requests, since
    /// another policy refuses them, or they come slowly. What it holds would be lost.
    /// </summary>
    private const long EndsSoon = 700_000;

    /// <summary>Bounds of the time between two questions while tokens are scarce, in microseconds.</summary>
    private const double ShortestPace = 1000;
    private const double LongestPace = 100_000;

    private readonly double _ahead = options.Ahead.TotalSeconds;

    public long SpendableMicros { get; } = options.Spendable.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>After an answer, until the store has surely dropped its record, whichever clock is faster.</summary>
    public long RecordMicros { get; } = (options.Lease + (options.Lease * (1 - options.Margin) * 2)).Ticks / TimeSpan.TicksPerMicrosecond;

    public static long UntilFull(LimitSet set, in Levels levels)
    {
        var longest = 0L;
        for (var i = 0; i < set.Rates.Length; i++)
        {
            longest = Math.Max(longest, set.Rates[i].TimeUntil(levels[i], set.Rates[i].Capacity));
        }

        return longest;
    }

    /// <summary>
    /// Levels that make a refused client come back after <paramref name="wait"/>: what is there is on its way to other nodes.
    /// </summary>
    public static Levels Short(LimitSet set, in Levels levels, long cost, long wait)
    {
        var scarce = 0;
        for (var i = 1; i < set.Rates.Length; i++)
        {
            scarce = levels[i] < levels[scarce] ? i : scarce;
        }

        var shortened = levels;
        var rate = set.Rates[scarce];
        shortened[scarce] = Math.Clamp(cost - 1 - rate.Refill(0, wait), 0, Math.Max(0, cost - 1));
        return shortened;
    }

    /// <summary>What other nodes took from the bucket between the answer before this one and this one.</summary>
    public static long TakenByOthers(LeaseHolder holder, in LeaseSlot slot, in LeaseReply reply)
    {
        var ask = holder.Ask;
        var most = 0L;
        for (var i = 0; i < ask.Limits.Rates.Length; i++)
        {
            var rate = ask.Limits.Rates[i];
            var came = rate.Refill(slot.Levels[i], holder.SentAt - slot.LevelsAt) + ask.Returned;
            var before = Math.Min(came, rate.Capacity - reply.Outstanding + reply.Granted) - holder.DebtTold;
            most = Math.Max(most, before - reply.Got - reply.Granted - reply.Levels[i]);
        }

        return most;
    }

    public bool MayHold(LimitSet set, double demand) => demand >= Cold && set.SmallestCapacity * options.Hoard >= options.Least;

    /// <summary>How much of its lease a holder is to keep when it holds too much, or has something to tell; else null.</summary>
    public long? Excess(LeaseHolder holder, long now, bool all)
    {
        ref var slot = ref holder.Table[holder.Slot];
        var unspent = slot.UnspentAt(now);
        var target = now - slot.CountedAt > Idle ? 0 : (long)(slot.DemandAt(now) * _ahead * Rate.Token);
        if (all || target == 0)
        {
            return unspent + holder.Returning + holder.Debt > 0 || holder.Charge != 0 ? 0 : null;
        }

        var runsOut = unspent > 0 && slot.Expires - now < EndsSoon;
        return unspent > 2 * target || runsOut || holder.Debt > 0 || holder.Charge != 0 ? target : null;
    }

    /// <summary>The question of a holder. Ends the generation of its lease: what it tells as unspent stays with the node.</summary>
    public LeaseAsk Compose(LeaseHolder holder, ref LeaseSlot slot, long seq, long keep, bool wants, long now)
    {
        var (need, first) = LeaseWaiters.Gather(holder);
        var demand = slot.DemandAt(now);
        var known = now < slot.Expires;
        // A request that costs more than is left gets what is left through the store, together with what is there.
        var (unspent, returned) = LeaseSlot.Close(ref slot, first > slot.UnspentAt(now) ? 0 : keep, now);
        returned += known ? holder.Returning : 0;
        holder.Returning = 0;
        var want = wants && MayHold(holder.Limits, demand) ? Math.Min(Target(holder, demand), LeaseSlot.Most) - unspent : 0;
        return new LeaseAsk(
            holder.Limits, need, first, Math.Max(0, (long)want), (long)(demand * Rate.Token), seq, holder.Ack,
            unspent, returned, holder.Tell(), default, known);
    }

    /// <summary>
    /// What the node spends in the time ahead, but not more than its part of what all may hold: without that, those who hold much take
    /// it all again whenever they report, and the others ask for every single request.
    /// </summary>
    private double Target(LeaseHolder holder, double demand) =>
        Math.Min(demand * _ahead * Rate.Token, holder.Limits.SmallestCapacity * options.Hoard / holder.Nodes);

    /// <summary>From when on to ask again: at once while there is plenty, else in steps, so that each answer brings several.</summary>
    public long Pace(LimitSet set, double demand, in Levels levels, long sentAt)
    {
        var pace = Math.Min(LongestPace, 1e6 / (options.CallsPerRequest * Math.Max(demand, 1e-3)));
        foreach (var rate in set.Rates)
        {
            pace = Math.Min(pace, rate.TimeToFill / 4.0);
        }

        pace = Math.Max(pace, ShortestPace);
        for (var i = 0; i < set.Rates.Length; i++)
        {
            if (levels[i] < set.Rates[i].Refill(0, (long)pace))
            {
                return sentAt + (long)pace;
            }
        }

        return 0;
    }
}
