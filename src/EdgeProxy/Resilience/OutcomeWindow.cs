namespace EdgeProxy.Resilience;

/// <summary>
/// Exact counts of successes and failures over the last while, in ten buckets. Each bucket is one number that is exchanged whole,
/// so writers neither wait for each other nor lose a count when a bucket's turn comes.
/// </summary>
/// <param name="length">How far back the counts go.</param>
internal sealed class OutcomeWindow(TimeSpan length)
{
    private const int Buckets = 10;
    private const int CountBits = 22; // four million in a bucket, then both counts are halved
    private const long CountMask = (1L << CountBits) - 1;
    private const long PeriodMask = (1L << (64 - (2 * CountBits))) - 1; // weeks at the default length, before a period comes again

    private readonly long _bucketTicks = Math.Max(1, length.Ticks / Buckets);
    private readonly long[] _buckets = new long[Buckets];

    public void Add(TimeSpan now, bool failed) => Add(now, 1, failed ? 1 : 0);

    /// <summary>What was counted as a success has turned out a failure.</summary>
    public void Amend(TimeSpan now) => Add(now, 0, 1);

    public (long Total, long Failures) Read(TimeSpan now)
    {
        var current = now.Ticks / _bucketTicks;
        var (total, failures) = (0L, 0L);
        for (var age = 0; age < Buckets && age <= current; age++)
        {
            var bucket = Volatile.Read(ref _buckets[(current - age) % Buckets]);
            if (PeriodOf(bucket) == ((current - age) & PeriodMask))
            {
                total += bucket & CountMask;
                failures += (bucket >> CountBits) & CountMask;
            }
        }

        return (total, Math.Min(total, failures));
    }

    public void Clear()
    {
        for (var i = 0; i < Buckets; i++)
        {
            Volatile.Write(ref _buckets[i], 0);
        }
    }

    private void Add(TimeSpan now, long total, long failures)
    {
        var current = now.Ticks / _bucketTicks;
        ref var place = ref _buckets[current % Buckets];
        while (true)
        {
            var known = Volatile.Read(ref place);
            var next = Next(known, current & PeriodMask, total, failures);
            if (Interlocked.CompareExchange(ref place, next, known) == known)
            {
                return;
            }
        }
    }

    private static long Next(long known, long period, long total, long failures)
    {
        if (PeriodOf(known) == period)
        {
            var (counted, failed) = (known & CountMask, (known >> CountBits) & CountMask);
            var halve = Math.Max(counted, failed) == CountMask ? 1 : 0;
            (total, failures) = (total + (counted >> halve), failures + (failed >> halve));
        }

        return (period << (2 * CountBits)) | (failures << CountBits) | total;
    }

    private static long PeriodOf(long bucket) => (bucket >> (2 * CountBits)) & PeriodMask;
}
