using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeProxy.Metrics;

/// <summary>Spreads writers of one number over several places, so that cores do not take a cache line from each other.</summary>
internal static class Stripes
{
    public static readonly int Count = (int)uint.Min(8, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount));

    public static int Current => Thread.GetCurrentProcessorId() & (Count - 1);
}

/// <summary>A sum that many threads add to without waiting for each other. Places come into being as they are used.</summary>
internal sealed class StripedSum
{
    private readonly Cell?[] _cells = new Cell?[Stripes.Count];

    public long Value
    {
        get
        {
            long sum = 0;
            foreach (var cell in _cells)
            {
                sum += cell is null ? 0 : Volatile.Read(ref cell.Value);
            }

            return sum;
        }
    }

    public void Add(long value) => Interlocked.Add(ref (_cells[Stripes.Current] ?? Grow()).Value, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Cell Grow()
    {
        ref var place = ref _cells[Stripes.Current];
        return Interlocked.CompareExchange(ref place, new Cell(), null) ?? place;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private sealed class Cell
    {
        [FieldOffset(64)]
        public long Value;
    }
}

/// <summary>One line of values under one set of labels. Knows how it is labelled, not how it is shown.</summary>
internal abstract class Series
{
    /// <summary>Labels as they stand between the braces, UTF-8; empty without labels.</summary>
    public required byte[] Labels { get; init; }
}

/// <summary>A number that only grows, or goes up and down by steps.</summary>
internal sealed class SumSeries : Series
{
    private readonly StripedSum _sum = new();

    public double Value => _sum.Value;

    public void Add(long value) => _sum.Add(value);
}

/// <summary>A number that is set: what an observable instrument said last.</summary>
internal sealed class ValueSeries : Series
{
    private double _value;

    public double Value
    {
        get => Volatile.Read(ref _value);
        set => Volatile.Write(ref _value, value);
    }

    /// <summary>Number of the collection that saw this series last.</summary>
    public long Generation { get; set; }
}

/// <summary>A trace that one measurement belonged to.</summary>
internal sealed record Exemplar(string TraceId, double Value, DateTimeOffset At);

/// <summary>The request that this thread is recording measurements of; set for just that moment, for exemplars.</summary>
internal static class MeasuredRequest
{
    [ThreadStatic]
    private static EdgeContext? _current;

    public static EdgeContext? Current
    {
        get => _current;
        set => _current = value;
    }
}

/// <summary>How often a measurement fell into each bucket, and their sum.</summary>
internal sealed class HistogramSeries(double[] boundaries, TimeProvider time) : Series
{
    private static readonly TimeSpan ExemplarAge = TimeSpan.FromSeconds(1);

    private readonly Stripe?[] _stripes = new Stripe?[Stripes.Count];
    private readonly Exemplar?[] _exemplars = new Exemplar?[boundaries.Length + 1];

    public void Record(double value)
    {
        var bucket = 0;
        while (bucket < boundaries.Length && value > boundaries[bucket])
        {
            bucket++;
        }

        var stripe = _stripes[Stripes.Current] ?? Grow();
        Interlocked.Increment(ref stripe.Buckets[bucket]);
        AddTo(ref stripe.Sum, value);
        if (MeasuredRequest.Current is { } request)
        {
            Remember(request, bucket, value);
        }
    }

    /// <summary>Adds up what was measured: a count a bucket (not cumulative, the last one is beyond all boundaries).</summary>
    public double Read(Span<long> buckets)
    {
        buckets.Clear();
        var sum = 0.0;
        foreach (var stripe in _stripes)
        {
            for (var i = 0; stripe is not null && i < buckets.Length; i++)
            {
                buckets[i] += Volatile.Read(ref stripe.Buckets[i]);
            }

            sum += stripe is null ? 0 : Volatile.Read(ref stripe.Sum);
        }

        return sum;
    }

    public Exemplar? ExemplarOf(int bucket) => Volatile.Read(ref _exemplars[bucket]);

    private static void AddTo(ref double sum, double value)
    {
        var before = Volatile.Read(ref sum);
        while (true)
        {
            var seen = Interlocked.CompareExchange(ref sum, before + value, before);
            if (BitConverter.DoubleToInt64Bits(seen) == BitConverter.DoubleToInt64Bits(before))
            {
                return;
            }

            before = seen;
        }
    }

    // At most one a second and bucket: an exemplar is a way into the traces, not a log of them.
    private void Remember(EdgeContext request, int bucket, double value)
    {
        var now = time.GetUtcNow();
        ref var place = ref _exemplars[bucket];
        if ((Volatile.Read(ref place) is not { } last || now - last.At >= ExemplarAge) && request.IsTraced)
        {
            Volatile.Write(ref place, new Exemplar(request.TraceId, value, now));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Stripe Grow()
    {
        ref var place = ref _stripes[Stripes.Current];
        return Interlocked.CompareExchange(ref place, new Stripe(boundaries.Length + 1), null) ?? place;
    }

    private sealed class Stripe(int buckets)
    {
        public readonly long[] Buckets = new long[buckets];
        public double Sum;
    }
}
