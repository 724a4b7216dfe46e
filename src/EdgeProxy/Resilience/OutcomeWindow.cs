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

    /// <summary>What was counted as a success counts no more.</summary>
    public void Withdraw(TimeSpan now) => Add(now, -1, 0);

    public (long Total, long Failures) Read(TimeSpan now)
    {
        var current = now.Ticks / _bucketTicks;
        var (total, failures) = (0L, 0L);
        for (var age = 0; age < Buckets && age <= current; age++)
        {
            var (some, failed) = ReadPeriod(current - age);
            (total, failures) = (total + some, failures + failed);
        }

        return (total, Math.Min(total, failures));
    }

    /// <summary>Adds all that counts here to another window of the same length.</summary>
    public void MoveTo(OutcomeWindow other, TimeSpan now)
    {
        var current = now.Ticks / _bucketTicks;
        for (var age = Buckets - 1; age >= 0; age--)
        {
            if (age <= current && ReadPeriod(current - age) is var (total, failures) && (total | failures) != 0)
            {
                other.AddTo(current - age, total, failures);
            }
        }
    }

    public void Clear()
    {
        for (var i = 0; i < Buckets; i++)
        {
            Volatile.Write(ref _buckets[i], 0);
        }
    }

    private (long Total, long Failures) ReadPeriod(long period)
    {
        var bucket = Volatile.Read(ref _buckets[period % Buckets]);
        return PeriodOf(bucket) == (period & PeriodMask) ? (bucket & CountMask, (bucket >> CountBits) & CountMask) : default;
    }

    private void Add(TimeSpan now, long total, long failures) => AddTo(now.Ticks / _bucketTicks, total, failures);

    private void AddTo(long period, long total, long failures)
    {
        ref var place = ref _buckets[period % Buckets];
        while (true)
        {
            var known = Volatile.Read(ref place);
            var next = Next(known, period & PeriodMask, total, failures);
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

        return (period << (2 * CountBits)) | (Math.Min(failures, CountMask) << CountBits) | Math.Clamp(total, 0, CountMask);
    }

    private static long PeriodOf(long bucket) => (bucket >> (2 * CountBits)) & PeriodMask;
}
