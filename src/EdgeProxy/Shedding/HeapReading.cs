using EdgeProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>What the collector says of the heap.</summary>
/// <param name="Share">Of the memory that the process may use, in use after the last collection. Free space in the heap is not.</param>
/// <param name="Full">Number of the last collection that covered all generations; 0: there was none.</param>
internal readonly record struct HeapState(double Share, long Full)
{
    public static HeapState Now()
    {
        var last = GC.GetGCMemoryInfo(GCKind.Any);
        var full = Math.Max(GC.GetGCMemoryInfo(GCKind.FullBlocking).Index, GC.GetGCMemoryInfo(GCKind.Background).Index);
        var used = last.HeapSizeBytes - last.FragmentedBytes;
        return new(last.TotalAvailableMemoryBytes > 0 ? (double)used / last.TotalAvailableMemoryBytes : 0, full);
    }
}

/// <summary>
/// How much of the memory is in use, as far as it is known. A collection of young objects leaves the garbage of old ones: a reading that
/// asks for level 3 holds only once a collection of all of them has been. It knows no clock and no collector.
/// </summary>
internal sealed class HeapReading
{
    /// <summary>Between two collections that are asked for here.</summary>
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(10);

    private TimeSpan? _askedAt;
    private long? _unproven;
    private long _full;
    private TimeSpan _fullAt;

    /// <summary>A collection of all generations is to begin now, in the background.</summary>
    public bool WantsCollection { get; private set; }

    /// <param name="heap">What the collector says.</param>
    /// <param name="options">From where on memory presses.</param>
    /// <param name="level">The level that memory asks for so far.</param>
    /// <param name="now">Time since the process began.</param>
    public double Read(HeapState heap, OverloadOptions options, int level, TimeSpan now)
    {
        if (heap.Full != _full)
        {
            (_full, _fullAt) = (heap.Full, now);
        }

        var most = options.Memory + ((1 - options.Memory) * 2 / 3);
        var asksForMost = heap.Share >= most && level < 3;
        _unproven = asksForMost ? _unproven ?? heap.Full : null;
        var isUnproven = _unproven is { } before && before == heap.Full;

        // While memory presses and nobody allocates, because all is refused, nothing else would look at the heap again.
        var isStuck = level > 0 && now - _fullAt >= BetweenCollections;
        WantsCollection = (isUnproven || isStuck) && (_askedAt is not { } asked || now - asked >= BetweenCollections);
        if (WantsCollection)
        {
            _askedAt = now;
        }

        return isUnproven ? Math.BitDecrement(most) : heap.Share;
    }
}
