using System.Numerics;
using EdgeProxy.RateLimiting;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>The store against arithmetic so plain that it can be believed: exact fractions, one bucket, no cleverness.</summary>
public sealed class BucketPropertyTests
{
    private static readonly Gen<(Limit[] Limits, int[] Steps)> Schedules =
        from count in Gen.Choose(1, 3)
        from limits in Gen.ArrayOf(
            from capacity in Gen.Elements(1L, 2, 5, 10, 50, 200, 1000)
            from refill in Gen.Elements(1L, 3, 10, 100, 1000)
            from seconds in Gen.Elements(0.007, 1, 3, 60, 3600)
            select Limits.Of(capacity, refill, seconds, $"limit-{capacity}-{refill}-{seconds}"), count)
        from length in Gen.Choose(1, 400)
        from steps in Gen.ArrayOf(Gen.Frequency(
            (6, Gen.Choose(0, 2_000)), (3, Gen.Choose(0, 300_000)), (1, Gen.Choose(0, 20_000_000)), (1, Gen.Choose(-1_500_000, 0))), length)
        where limits.Select(limit => limit.Name).Distinct().Count() == limits.Length
        select (limits, steps);

    [Fact]
    public void Verdicts_are_those_of_a_naive_bucket() => Prop.ForAll(Schedules.ToArbitrary(), schedule =>
    {
        var time = new ManualTime();
        var store = new MemoryBucketStore(time);
        var policy = Limits.Policy([.. schedule.Limits]);
        var oracle = schedule.Limits.Select(limit => new Oracle(limit)).ToArray();
        var latest = time.Micros + schedule.Steps[0];
        foreach (var step in schedule.Steps)
        {
            time.Micros = Math.Max(time.Micros + step, latest - MemoryBucketStore.ClockTolerance);
            var elapsed = Math.Max(0, time.Micros - latest);
            latest = Math.Max(latest, time.Micros);
            Array.ForEach(oracle, bucket => bucket.Pass(elapsed));
            if (store.Ask("acme", policy).Admitted)
            {
                Assert.All(oracle, bucket => Assert.True(bucket.Spend(), "admitted more than the limit allows"));
            }
            else
            {
                Assert.Contains(oracle, bucket => bucket.IsShort);
            }
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_window_admits_more_than_burst_and_rate_allow() => Prop.ForAll(Schedules.ToArbitrary(), schedule =>
    {
        var time = new ManualTime();
        var store = new MemoryBucketStore(time);
        var policy = Limits.Policy([.. schedule.Limits]);
        var admittedAt = new List<long>();
        foreach (var step in schedule.Steps)
        {
            time.Micros += Math.Max(0, step);
            if (store.Ask("acme", policy).Admitted)
            {
                admittedAt.Add(time.Micros);
            }
        }

        for (var from = 0; from < admittedAt.Count; from++)
        {
            for (var to = from; to < admittedAt.Count; to++)
            {
                var window = admittedAt[to] - admittedAt[from];
                Assert.All(schedule.Limits, limit => Assert.True(
                    to - from + 1 <= limit.Capacity + (window * limit.Refill / limit.Every.TotalMicroseconds) + 1e-6));
            }
        }
    }).QuickCheckThrowOnFailure();

    /// <summary>One bucket in exact fractions: tokens × the period in microseconds.</summary>
    private sealed class Oracle(Limit limit)
    {
        private readonly BigInteger _per = (BigInteger)limit.Every.TotalMicroseconds;
        private BigInteger _level = limit.Capacity * (BigInteger)limit.Every.TotalMicroseconds;
        private long _spent;

        /// <summary>Less than a token, allowing for the microtoken that each decision may round away.</summary>
        public bool IsShort => _level * 1_000_000 < _per * (1_000_001 + _spent);

        public void Pass(long micros) => _level = BigInteger.Min(limit.Capacity * _per, _level + (micros * limit.Refill));

        public bool Spend()
        {
            _level -= _per;
            _spent++;
            return _level >= 0;
        }
    }
}
