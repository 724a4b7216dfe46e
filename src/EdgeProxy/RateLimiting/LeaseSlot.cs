using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// What a node knows of one bucket of the shared store. Tokens are spent by one compare-and-swap on <see cref="Word"/>; all else is
/// written under the table's lock, except the counting of arrivals, which is a hint and may lose some.
/// </summary>
internal struct LeaseSlot
{
    /// <summary>Largest lease in microtokens: seventeen million tokens.</summary>
    public const long Most = TokenMask >> 1;

    private const int TokenBits = 44;
    private const long TokenMask = (1L << TokenBits) - 1;

    /// <summary>Time constant of <see cref="Demand"/>, and how often it is brought up to date at most, in microseconds.</summary>
    private const double Memory = 500_000;
    private const long FoldEvery = 1000;

    /// <summary>Levels told by the store refuse for no longer, so that tokens given back elsewhere show; microseconds.</summary>
    private const long LevelsHold = 1_000_000;

    public ulong High;
    public ulong Low;

    /// <summary>
    /// Unspent microtokens of the lease below, a generation above. The generation changes whenever tokens of the old one may no
    /// longer be spent or given back: when the store is told what is unspent, and when the slot passes to another bucket.
    /// </summary>
    public long Word;

    /// <summary>The lease may be spent before this time. All times are in microseconds of the node's monotonic clock.</summary>
    public long Expires;

    /// <summary>From when on the slot may be forgotten: the store keeps no record of a lease, and the bucket is full again.</summary>
    public long KeptUntil;

    /// <summary>From when on the store may be asked again; never while it is being asked.</summary>
    public long AskFrom;

    /// <summary>Up to when arrivals are in <see cref="Demand"/>.</summary>
    public long CountedAt;

    /// <summary>When the store was asked for <see cref="Levels"/>; 0 when it never was.</summary>
    public long LevelsAt;
    public Levels Levels;

    /// <summary>Tokens a second that are asked of this node here, refused ones included.</summary>
    public float Demand;

    /// <summary>Which limits the slot is about; see <see cref="LimitSet.Print"/>.</summary>
    public int Print;

    /// <summary>With fewer tokens than this the lease is renewed.</summary>
    public int RenewBelow;

    /// <summary>Tokens asked for since <see cref="CountedAt"/>.</summary>
    public int Arrived;
    public int Next;

    public readonly long UnspentAt(long now) => now < Expires ? Word & TokenMask : 0;

    public static long GenerationOf(long word) => (long)((ulong)word >> TokenBits);

    public static long TokensOf(long word) => word & TokenMask;

    /// <summary>The slot is the one of this bucket under these limits.</summary>
    public readonly bool IsOf(ulong high, ulong low, int print) => High == high && Low == low && Print == print;

    /// <summary>Spends from the lease. False: too little is left, or the slot has passed to another bucket.</summary>
    public static bool TrySpend(ref LeaseSlot slot, ulong high, ulong low, int print, long cost, long now, out long word)
    {
        while (true)
        {
            // First, so that whatever is read after it belongs to it, or the swap fails.
            word = Volatile.Read(ref slot.Word);
            if ((word & TokenMask) < cost || now >= Volatile.Read(ref slot.Expires) || !slot.IsOf(high, low, print))
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref slot.Word, word - cost, word) == word)
            {
                word -= cost;
                return true;
            }
        }
    }

    /// <summary>Spends what the lease has, up to <paramref name="most"/>, and returns it.</summary>
    public static long SpendUpTo(ref LeaseSlot slot, ulong high, ulong low, int print, long most, long now)
    {
        while (true)
        {
            var word = Volatile.Read(ref slot.Word);
            var spent = now < Volatile.Read(ref slot.Expires) && slot.IsOf(high, low, print) ? Math.Min(word & TokenMask, most) : 0;
            if (spent == 0 || Interlocked.CompareExchange(ref slot.Word, word - spent, word) == word)
            {
                return spent;
            }
        }
    }

    /// <summary>Gives back what was spent. False: the store has been told meanwhile that it was spent.</summary>
    public static bool TryGiveBack(ref LeaseSlot slot, long generation, long cost)
    {
        while (true)
        {
            var word = Volatile.Read(ref slot.Word);
            if (GenerationOf(word) != generation)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref slot.Word, word + cost, word) == word)
            {
                return true;
            }
        }
    }

    /// <summary>
    /// Ends a generation: what is unspent now is what the store will be told. Keeps at most <paramref name="keep"/> of it for the node.
    /// </summary>
    public static (long Kept, long Returned) Close(ref LeaseSlot slot, long keep, long now)
    {
        while (true)
        {
            var word = Volatile.Read(ref slot.Word);
            var unspent = now < slot.Expires ? word & TokenMask : 0;
            var kept = Math.Min(unspent, keep);
            if (Interlocked.CompareExchange(ref slot.Word, ((GenerationOf(word) + 1) << TokenBits) | kept, word) == word)
            {
                return (kept, unspent - kept);
            }
        }
    }

    /// <summary>Adds to the lease. It is never more than <paramref name="most"/>: what the store counts as held.</summary>
    public static void Grant(ref LeaseSlot slot, long granted, long most)
    {
        while (true)
        {
            var word = Volatile.Read(ref slot.Word);
            var unspent = Math.Min((word & TokenMask) + granted, Math.Min(most, TokenMask));
            if (Interlocked.CompareExchange(ref slot.Word, (GenerationOf(word) << TokenBits) | unspent, word) == word)
            {
                return;
            }
        }
    }

    /// <summary>Counts a request that asks for <paramref name="cost"/> microtokens.</summary>
    public static void Count(ref LeaseSlot slot, long cost, long now, double roundTrip)
    {
        Interlocked.Add(ref slot.Arrived, (int)Math.Min(cost / Rate.Token, 1_000_000));
        var since = Volatile.Read(ref slot.CountedAt);
        if (now - since < FoldEvery || Interlocked.CompareExchange(ref slot.CountedAt, now, since) != since)
        {
            return;
        }

        var elapsed = now - since;
        var decay = Math.Exp(-elapsed / Memory);
        slot.Demand = (float)((slot.Demand * decay) + (Interlocked.Exchange(ref slot.Arrived, 0) * (1 - decay) * 1e6 / elapsed));
        slot.RenewBelow = ThresholdOf(slot.Demand, roundTrip);
    }

    public readonly double DemandAt(long now) => Demand * Math.Exp(-Math.Max(0, now - CountedAt) / Memory);

    /// <summary>What is asked for within three round trips: the reply to a renewal is there before the lease is spent.</summary>
    private static int ThresholdOf(double demand, double roundTrip) =>
        (int)Math.Clamp(Math.Ceiling(3 * demand * roundTrip / 1e6), 1, int.MaxValue / 2);

    /// <summary>
    /// What the store said is left, and what came in since then, do not suffice. <paramref name="levels"/>: what there is, lease included.
    /// </summary>
    public readonly bool Lacks(LimitSet set, long cost, long now, out Levels levels)
    {
        levels = LevelsNow(set, now);
        var lacks = false;
        for (var i = 0; i < set.Rates.Length; i++)
        {
            lacks |= levels[i] < cost;
        }

        return lacks && LevelsAt != 0 && now - LevelsAt < LevelsHold;
    }

    /// <summary>What is left as far as this node knows: its lease, what the store said last, and what came in since then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Levels LevelsNow(LimitSet set, long now) => LevelsNow(set, now, now);

    /// <summary>The same, but for what came in after <paramref name="until"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Levels LevelsNow(LimitSet set, long now, long until)
    {
        var levels = default(Levels);
        var unspent = UnspentAt(now);
        for (var i = 0; i < set.Rates.Length; i++)
        {
            var rate = set.Rates[i];
            levels[i] = Math.Min(rate.Capacity, unspent + (LevelsAt == 0 ? rate.Capacity : rate.Refill(Levels[i], until - LevelsAt)));
        }

        return levels;
    }

    /// <summary>Passes the slot to another bucket, or to nobody, knowing nothing. Who is about to spend from it finds it gone.</summary>
    public static void Reset(ref LeaseSlot slot, ulong high, ulong low, int next)
    {
        var word = Volatile.Read(ref slot.Word);
        Interlocked.Exchange(ref slot.Word, (GenerationOf(word) + 1) << TokenBits);
        slot.High = high;
        slot.Low = low;
        slot.Print = 0;
        slot.Expires = 0;
        slot.KeptUntil = 0;
        slot.AskFrom = 0;
        slot.LevelsAt = 0;
        slot.CountedAt = 0;
        slot.Demand = 0;
        slot.Arrived = 0;
        slot.RenewBelow = 1;
        Volatile.Write(ref slot.Next, next);
    }
}
