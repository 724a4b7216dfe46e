using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <content>What a node without its shared store begins with, and what it tells that store later.</content>
internal sealed partial class MemoryBucketStore
{
    /// <summary>
    /// For how long a node is new, in microseconds: what clients have left of their buckets it may not know, and its code is not yet
    /// compiled, so that answers of the shared store seem late that are not.
    /// </summary>
    public const long NewFor = 10_000_000;

    /// <summary>
    /// For how long a bucket that began low stands still, unless the shared store answers before, in microseconds. No other does longer.
    /// </summary>
    private const long StandsStill = 1_000_000;

    private readonly long _startedAt;

    /// <summary>
    /// Notes what the shared store said is left, so that an outage goes on from there: this node's share of it. Not when this node has
    /// gone on by itself since the store was asked.
    /// </summary>
    /// <param name="toldAt">When it was asked; the latest time there is: just now.</param>
    /// <param name="standsStill">For how long nothing comes in, since others may still be given it; microseconds.</param>
    public void Learn(in BucketTake take, int nodes, long toldAt, long standsStill = 0) =>
        Begin(take, nodes, take.Limits!.Share(take.Levels, nodes), toldAt, standsStill);

    /// <summary>
    /// The shared store has answered before and does not now. While this node is new, others may have emptied a bucket that it knows
    /// nothing of, and be given all that comes in: that begins with this node's share of what came in lately, but with enough for one
    /// request, and for a while gains nothing.
    /// </summary>
    public void BeginLow(in BucketTake take, long cost, int nodes)
    {
        if (nodes > 1 && Now() - _startedAt < NewFor)
        {
            var levels = default(Levels);
            for (var i = 0; i < take.Limits!.Rates.Length; i++)
            {
                var share = take.Limits.Rates[i].Share(nodes);
                levels[i] = Math.Min(share.Capacity, Math.Max(cost, share.Refill(0, LeaseTerms.Unseen)));
            }

            Begin(take, nodes, levels, toldAt: 0, StandsStill);
        }
    }

    private void Begin(in BucketTake take, int nodes, in Levels levels, long toldAt, long standsStill)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var now = table.Tick(Now());
            ref var bucket = ref table.Find(high, low, now);
            var isNew = Unsafe.IsNullRef(ref bucket);
            if (isNew)
            {
                bucket = ref table.Add(high, low, now);
            }

            if (!Unsafe.IsNullRef(ref bucket) && (isNew || IsOlder(bucket, toldAt, now)))
            {
                Write(ref bucket, take.Limits!, nodes, now + standsStill, levels);
            }
        }
    }

    /// <summary>It was written before then. One that began low counts as such, although it is written for a time to come.</summary>
    private static bool IsOlder(in Bucket bucket, long toldAt, long now) =>
        toldAt > bucket.At || (toldAt > 0 && bucket.At - now > LeaseTerms.Unsure);

    /// <summary>The time that a bucket is written at: one that stands still goes on doing so.</summary>
    private static long AsOf(in Bucket bucket, long now) => bucket.At - now is > 0 and <= StandsStill ? bucket.At : now;

    /// <summary>
    /// How much less than its share of <paramref name="nodes"/> a bucket holds, for each limit, and not more than
    /// <paramref name="most"/>: what nodes together admitted without the shared store, less what came in meanwhile.
    /// </summary>
    public Levels Deficit(BucketName name, LimitSet set, int nodes, long most)
    {
        var deficit = default(Levels);
        var (high, low) = name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var now = table.Tick(Micros(_time));
            ref var bucket = ref table.Find(high, low, now);
            if (!Unsafe.IsNullRef(ref bucket))
            {
                var levels = LevelsAt(bucket, set, nodes, now);
                for (var i = 0; i < set.Rates.Length; i++)
                {
                    deficit[i] = Math.Clamp(set.Rates[i].Share(nodes).Capacity - levels[i], 0, most);
                }
            }
        }

        return deficit;
    }
}
