using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Buckets in this process's memory: exact for one node, and what a node falls back on while the shared store is out of reach.
/// About 100 bytes a client that is not at its full burst; nothing for the others.
/// </summary>
internal sealed partial class MemoryBucketStore : IBucketStore
{
    /// <summary>Most buckets kept at a time; above it new clients share one, until old buckets have filled up.</summary>
    public const int DefaultMost = 1 << 20;

    /// <summary>A stored time further ahead than this comes from a clock that has been put back, in microseconds.</summary>
    public const long ClockTolerance = 2_000_000;

    private readonly TimeProvider _time;
    private readonly BucketTable[] _tables;
    private readonly SipHash _hash;

    public MemoryBucketStore(TimeProvider time, int most = DefaultMost, int stripes = 256)
    {
        _time = time;
        _startedAt = Now();
        _tables = [.. Enumerable.Range(0, stripes).Select(_ => new BucketTable(Math.Max(1, most / stripes)))];
        _hash = SipHash.WithSecretKey();
    }

    /// <summary>Buckets kept now.</summary>
    public int Count => _tables.Sum(table => table.Count);

    public bool TryTake(RateLimitVerdict verdict)
    {
        Take(verdict, nodes: 1, DecisionSource.Store);
        return true;
    }

    public ValueTask TakeAsync(RateLimitVerdict verdict)
    {
        TryTake(verdict);
        return ValueTask.CompletedTask;
    }

    public bool Settle(ref BucketTake take, long difference)
    {
        Charge(ref take, difference, nodes: 1);
        return true;
    }

    public ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits)
    {
        var (high, low) = name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var now = table.Tick(Now());
            ref var bucket = ref table.Find(high, low, now);
            var levels = LevelsAt(Unsafe.IsNullRef(ref bucket) ? default : bucket, limits, nodes: 1, now);
            return new(new BucketView(levels, Held: 0, Nodes: 0));
        }
    }

    public ValueTask<BucketView?> FillAsync(BucketName name, LimitSet limits)
    {
        var (high, low) = name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var now = table.Tick(Now());
            ref var bucket = ref table.Find(high, low, now);
            if (!Unsafe.IsNullRef(ref bucket))
            {
                Write(ref bucket, limits, nodes: 1, now, LevelsAt(default, limits, nodes: 1, now));
            }
        }

        return LookAsync(name, limits);
    }

    /// <summary>Takes what is still undecided from this node's share, one of <paramref name="nodes"/>.</summary>
    public void Take(RateLimitVerdict verdict, int nodes, DecisionSource source)
    {
        var now = Now();
        var takes = verdict.Takes;
        var refused = false;
        for (var i = 0; i < takes.Length && !refused; i++)
        {
            if (!takes[i].IsShadow && IsToTake(takes[i], source))
            {
                refused = !Take(ref takes[i], verdict.Cost, nodes, source, now);
            }
        }

        foreach (ref var take in takes)
        {
            if (refused && take is { IsShadow: false, Outcome: TakeOutcome.Admitted, HasLevels: true } && take.Source == source)
            {
                take.Outcome = TakeOutcome.GivenBack;
                Charge(ref take, -verdict.Cost, nodes, now);
            }
            else if (!refused && take.IsShadow && IsToTake(take, source))
            {
                Take(ref take, verdict.Cost, nodes, source, now);
            }
        }

        verdict.Decide();
    }

    /// <summary>In place of a shared store only what is cut off from it is taken here.</summary>
    private static bool IsToTake(in BucketTake take, DecisionSource source) =>
        take.Outcome == TakeOutcome.NotAsked && (take.IsCutOff || source != DecisionSource.Local || take.Limits is null);

    private bool Take(ref BucketTake take, long cost, int nodes, DecisionSource source, long now)
    {
        take.Source = source;
        if (take.Limits is not { } set)
        {
            take.Source = DecisionSource.Unlimited;
            take.Outcome = TakeOutcome.Admitted;
            return true;
        }

        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            now = table.Tick(now);
            ref var bucket = ref FindOrMake(table, high, low, ref take, nodes, now);
            var levels = LevelsAt(bucket, set, nodes, now);
            var admitted = set.Cover(levels, cost);

            // A refusal writes nothing: the levels follow from what is there and the time.
            if (admitted)
            {
                for (var i = 0; i < set.Rates.Length; i++)
                {
                    levels[i] -= cost;
                }

                Write(ref bucket, set, nodes, AsOf(bucket, now), levels);
            }

            take.Levels = levels;
            take.HasLevels = true;
            take.Outcome = admitted ? TakeOutcome.Admitted : TakeOutcome.Refused;
            return admitted;
        }
    }

    /// <summary>Charges what has been spent already, or below zero gives back. The level may fall to minus the capacity.</summary>
    public void Charge(ref BucketTake take, long amount, int nodes) => Charge(ref take, amount, nodes, Now());

    private void Charge(ref BucketTake take, long amount, int nodes, long now)
    {
        var own = take.Name.Hash(_hash);
        var table = TableOf(own.Low);
        var (high, low) = take.IsPooled ? BucketName.Overflow(take.Policy).Hash(_hash) : own;
        lock (table.Lock)
        {
            now = table.Tick(now);
            ref var bucket = ref table.Find(high, low, now);
            if (!Unsafe.IsNullRef(ref bucket))
            {
                Charge(ref bucket, ref take, amount, nodes, now);
            }
            else if (amount > 0) // else full again, and forgotten
            {
                Charge(ref FindOrMake(table, own.High, own.Low, ref take, nodes, now), ref take, amount, nodes, now);
            }
        }
    }

    private static void Charge(ref Bucket bucket, ref BucketTake take, long amount, int nodes, long now)
    {
        var set = take.Limits!;
        var levels = LevelsAt(bucket, set, nodes, now);
        for (var i = 0; i < set.Rates.Length; i++)
        {
            var most = set.Rates[i].Share(nodes).Capacity;
            levels[i] = Math.Clamp(levels[i] - amount, Math.Min(levels[i], -most), most);
        }

        Write(ref bucket, set, nodes, AsOf(bucket, now), levels);
        take.Levels = levels;
    }

    private ref Bucket FindOrMake(BucketTable table, ulong high, ulong low, ref BucketTake take, int nodes, long now)
    {
        ref var bucket = ref table.Find(high, low, now);
        if (!Unsafe.IsNullRef(ref bucket))
        {
            return ref bucket;
        }

        bucket = ref table.Add(high, low, now);
        if (!Unsafe.IsNullRef(ref bucket))
        {
            Fill(ref bucket, table, take, nodes, now);
            return ref bucket;
        }

        take.IsPooled = true;
        var (sharedHigh, sharedLow) = BucketName.Overflow(take.Policy).Hash(_hash);
        bucket = ref table.Find(sharedHigh, sharedLow, now);
        if (Unsafe.IsNullRef(ref bucket))
        {
            bucket = ref table.Add(sharedHigh, sharedLow, now, isShared: true);
            Fill(ref bucket, table, take, nodes, now);
        }

        return ref bucket;
    }

    /// <summary>A new client's bucket is full, unless it may have spent from the shared one before it had its own.</summary>
    private void Fill(ref Bucket bucket, BucketTable table, in BucketTake take, int nodes, long now)
    {
        var levels = LevelsAt(bucket, take.Limits!, nodes, now);
        if (table.Overflows > 0)
        {
            var (high, low) = BucketName.Overflow(take.Policy).Hash(_hash);
            ref var shared = ref table.Find(high, low, now);
            if (!Unsafe.IsNullRef(ref shared))
            {
                levels = LevelsAt(shared, take.Limits!, nodes, now);
            }
        }

        Write(ref bucket, take.Limits!, nodes, now, levels);
    }

    /// <summary>What the bucket holds now; all that it can when it has never been written.</summary>
    private static Levels LevelsAt(in Bucket bucket, LimitSet set, int nodes, long now)
    {
        var levels = default(Levels);
        for (var i = 0; i < set.Rates.Length; i++)
        {
            var rate = set.Rates[i].Share(nodes);
            levels[i] = rate.Capacity;
            for (var j = 0; j < LimitSet.Most && bucket.Tags != 0; j++)
            {
                if (LimitSet.TagAt(bucket.Tags, j) == LimitSet.TagAt(set.Tags, i))
                {
                    levels[i] = rate.Refill(bucket.Levels[j], now - bucket.At);
                    break;
                }
            }
        }

        return levels;
    }

    private static void Write(ref Bucket bucket, LimitSet set, int nodes, long at, in Levels levels)
    {
        var untilFull = 0L;
        for (var i = 0; i < set.Rates.Length; i++)
        {
            var rate = set.Rates[i].Share(nodes);
            untilFull = Math.Max(untilFull, rate.TimeUntil(levels[i], rate.Capacity));
        }

        bucket.Tags = set.Tags;
        bucket.At = at;
        bucket.FullAt = at + untilFull;
        bucket.Levels = levels;
    }

    private BucketTable TableOf(ulong low) => _tables[(int)(low % (uint)_tables.Length)];

    private long Now() => Micros(_time);

    /// <summary>A monotonic clock in microseconds.</summary>
    public static long Micros(TimeProvider time)
    {
        var frequency = time.TimestampFrequency;
        var timestamp = time.GetTimestamp();
        return frequency >= 1_000_000 ? timestamp / (frequency / 1_000_000) : timestamp * (1_000_000 / frequency);
    }
}
