using System.Runtime.CompilerServices;

namespace EdgeProxy.RateLimiting;

/// <content>What a node without its shared store begins with, and what it tells that store later.</content>
internal sealed partial class MemoryBucketStore
{
    /// <summary>Notes what the shared store said is left, so that an outage goes on from there: this node's share of it.</summary>
    public void Learn(in BucketTake take, int nodes)
    {
        var (high, low) = take.Name.Hash(_hash);
        var table = TableOf(low);
        lock (table.Lock)
        {
            var now = table.Tick(Now());
            ref var bucket = ref table.Find(high, low, now);
            if (Unsafe.IsNullRef(ref bucket))
            {
                bucket = ref table.Add(high, low, now);
            }

            if (!Unsafe.IsNullRef(ref bucket))
            {
                var levels = take.Levels;
                for (var i = 0; i < take.Limits!.Rates.Length; i++)
                {
                    levels[i] /= nodes;
                }

                Write(ref bucket, take.Limits, nodes, now, levels);
            }
        }
    }

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
