using System.Collections.Concurrent;

namespace EdgeProxy.RateLimiting;

/// <summary>Buckets in this process's memory: exact for one node.</summary>
internal sealed class MemoryBucketStore(TimeProvider time)
{
    private readonly ConcurrentDictionary<(string Policy, string Key), TokenBucket[]> _buckets = new();

    /// <summary>Takes one token from each limit, or from none.</summary>
    public RateLimitVerdict Take(RateLimitPolicy policy, string key)
    {
        var now = time.GetTimestamp() * TimeSpan.TicksPerSecond / time.TimestampFrequency;
        var buckets = _buckets.GetOrAdd((policy.Name, key), _ => [.. policy.Limits.Select(l => new TokenBucket(l, now))]);
        lock (buckets)
        {
            var violated = new List<string>();
            var wait = TimeSpan.Zero;
            for (var i = 0; i < buckets.Length; i++)
            {
                if (buckets[i].LevelAt(now) < 1)
                {
                    violated.Add(policy.Limits[i].Name);
                    wait = TimeSpan.FromTicks(Math.Max(wait.Ticks, buckets[i].UntilNextToken.Ticks));
                }
            }

            if (violated.Count > 0)
            {
                return new RateLimitVerdict(false, wait, violated);
            }

            foreach (var bucket in buckets)
            {
                bucket.Take();
            }

            return new RateLimitVerdict(true, null, []);
        }
    }
}
