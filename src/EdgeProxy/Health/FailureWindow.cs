namespace EdgeProxy.Health;

/// <summary>Requests and failures over the last while, in ten buckets. Racing writers may lose a count at a bucket's turn.</summary>
/// <param name="frequency">Timestamps a second.</param>
internal sealed class FailureWindow(TimeSpan length, long frequency)
{
    private const int Buckets = 10;

    private readonly long _bucketTicks = (long)(length.TotalSeconds * frequency / Buckets);
    private readonly long[] _periods = new long[Buckets];
    private readonly int[] _totals = new int[Buckets];
    private readonly int[] _failures = new int[Buckets];

    public TimeSpan Length => length;

    /// <summary>Where the requests went.</summary>
    public string Address { get; init; } = "";

    public void Record(long now, bool failed)
    {
        var period = now / _bucketTicks;
        var bucket = (int)(period % Buckets);
        var last = Volatile.Read(ref _periods[bucket]);
        if (last != period && Interlocked.CompareExchange(ref _periods[bucket], period, last) == last)
        {
            Volatile.Write(ref _totals[bucket], 0);
            Volatile.Write(ref _failures[bucket], 0);
        }

        Interlocked.Increment(ref _totals[bucket]);
        if (failed)
        {
            Interlocked.Increment(ref _failures[bucket]);
        }
    }

    public (int Total, int Failures) Read(long now)
    {
        var oldest = (now / _bucketTicks) - Buckets + 1;
        var (total, failures) = (0, 0);
        for (var i = 0; i < Buckets; i++)
        {
            if (Volatile.Read(ref _periods[i]) >= oldest)
            {
                total += Volatile.Read(ref _totals[i]);
                failures += Volatile.Read(ref _failures[i]);
            }
        }

        return (total, failures);
    }

    /// <summary>Forgets everything: a destination that is let back in begins anew.</summary>
    public void Clear() => Array.Clear(_periods);
}
