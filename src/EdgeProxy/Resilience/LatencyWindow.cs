namespace EdgeProxy.Resilience;

/// <summary>
/// How long the answers of the last minute took, in as much memory as it takes to tell times apart that differ by a tenth. It knows no
/// clock; the time since any fixed moment comes with each call.
/// </summary>
internal sealed class LatencyWindow
{
    /// <summary>With fewer answers nothing is known.</summary>
    public const int Least = 20;

    private const int Slots = 6;
    private const int SlotSeconds = 10;
    private const int PerDoubling = 8;
    private const int Doublings = 27; // from a microsecond to two minutes
    private const int Buckets = PerDoubling * Doublings;

    private readonly Lock _changing = new();
    private readonly int[] _counts = new int[Slots * Buckets];
    private long _slot = long.MinValue;
    private long _readAt = long.MinValue;
    private TimeSpan? _read;

    public void Add(TimeSpan now, TimeSpan latency)
    {
        lock (_changing)
        {
            Advance(now);
            _counts[(IndexOf(_slot) * Buckets) + BucketOf(latency)]++;
        }
    }

    /// <summary>What 95 of 100 did not exceed, at most a tenth too long; null when too few are known. Looked at once a second.</summary>
    public TimeSpan? Percentile95(TimeSpan now)
    {
        lock (_changing)
        {
            Advance(now);
            var second = now.Ticks / TimeSpan.TicksPerSecond;
            if (second != _readAt)
            {
                (_readAt, _read) = (second, Read());
            }

            return _read;
        }
    }

    private TimeSpan? Read()
    {
        Span<int> sums = stackalloc int[Buckets];
        sums.Clear();
        var total = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            sums[i % Buckets] += _counts[i];
            total += _counts[i];
        }

        if (total < Least)
        {
            return null;
        }

        var rank = (int)Math.Ceiling(total * 0.95);
        var bucket = 0;
        for (var seen = sums[0]; seen < rank; seen += sums[bucket])
        {
            bucket++;
        }

        return TimeSpan.FromMicroseconds(Math.Pow(2, (bucket + 1.0) / PerDoubling));
    }

    private void Advance(TimeSpan now)
    {
        var slot = now.Ticks / (SlotSeconds * TimeSpan.TicksPerSecond);
        if (slot <= _slot)
        {
            return;
        }

        for (var gone = Math.Max(_slot + 1, slot - Slots + 1); gone <= slot; gone++)
        {
            Array.Clear(_counts, IndexOf(gone) * Buckets, Buckets);
        }

        _slot = slot;
    }

    private static int IndexOf(long slot) => (int)(((slot % Slots) + Slots) % Slots);

    private static int BucketOf(TimeSpan latency) => Math.Clamp(
        (int)(Math.Log2(Math.Max(1, latency.TotalMicroseconds)) * PerDoubling), 0, Buckets - 1);
}
