using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>
/// What must hold whatever happens to the bucket and its leases. It knows only answers and admissions, in exact fractions, and nothing of
/// how the scripts come to them. Times in microseconds, amounts in microtokens.
/// </summary>
internal sealed class LeaseWatch(LimitSet limits, LeaseOptions options)
{
    private readonly OneBucket[] _admitted = [.. limits.Rates.Select(rate => new OneBucket(rate))];

    // As last written; a bucket that is not there is full.
    private long[] _levels = [.. limits.Rates.Select(rate => rate.Capacity)];
    private long _held;
    private long _now = long.MinValue;

    public string? Broken { get; private set; }

    /// <summary>More was admitted than one bucket would have, whatever broke first.</summary>
    public bool IsOverdrawn { get; private set; }

    private long Lease => options.Lease.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Requests went through: never more than one bucket, asked by all at that time, would have let through.</summary>
    public void Admitted(long time, long cost)
    {
        for (var i = 0; i < _admitted.Length; i++)
        {
            var hasIt = _admitted[i].Spend(time, cost);
            IsOverdrawn |= !hasIt;
            Hold(hasIt, $"limit {i} admits no more than one bucket: at {time}");
        }
    }

    /// <param name="isLate">
    /// Others may have been answered in between: what the node holds by its word may be in no lease any more, and is put aside again.
    /// </param>
    public void Leased(ScriptAnswer answer, in LeaseAsk ask, long clock, bool isLate)
    {
        var reply = answer.Reply;
        var (got, granted, held, now, levels) = (reply[1], reply[2], reply[4], reply[5], reply[7..]);
        Time(now, clock);
        Hold(reply[0] == 0 || answer.Lives < 0, "a question that comes too late writes nothing");
        Hold(got % ask.First == 0 && got <= ask.Need, "what is got serves whole requests");
        Hold((reply[3] > 0) == (reply[0] == 0 && ask.Need > 0 && got == 0), "who gets nothing is told when to come again");
        var retold = isLate && ask.Known ? ask.Unspent : 0;
        var lent = (long)(limits.Rates.Min(rate => rate.Capacity) * options.Hoard);
        Hold(held <= Math.Max(lent, _held + retold), "no more is leased than may be hoarded");
        for (var i = 0; i < levels.Length; i++)
        {
            var rate = limits.Rates[i];
            var (owed, back) = (Math.Max(0, ask.Debt + ask.Deficit[i]), Math.Max(0, -ask.Debt));
            Hold(levels[i] >= Math.Min(0, _levels[i]) - retold - owed, $"limit {i} is never overdrawn");
            Hold(levels[i] + held <= rate.Capacity, $"limit {i}: level and leases fit in the bucket");
            var most = _levels[i] + _held + Minted(rate, now) + retold + back;
            Hold(levels[i] + held <= most - got, $"limit {i}: tokens come from refilling only");
            Hold(levels[i] >= _levels[i] - got - granted - retold - owed, $"limit {i} pays as much as the others");
            var full = rate.TimeUntil(levels[i], rate.Capacity) + (granted > 0 ? Lease : 0);
            Hold(answer.Lives < 0 || answer.Lives * 1000 >= full, $"limit {i}: the key lives until the bucket is full");
        }

        Note(answer, levels, held, now);
    }

    public void GivenBack(long time, long tokens) => Array.ForEach(_admitted, bucket => bucket.Spend(time, -tokens));

    /// <summary>A node has them back, to spend at any time from now on.</summary>
    public void GivenBackSoon(long tokens) => Array.ForEach(_admitted, bucket => bucket.Lend(tokens));

    public void Equal(long one, long other, string what) => Hold(one == other, $"{what}: {one} and {other}");

    /// <summary>Looking twice at once shows the same.</summary>
    public void Same(ScriptAnswer one, ScriptAnswer again) =>
        Hold(again.Lives < 0 && one.Reply.SequenceEqual(again.Reply), "a look changes nothing");

    public void Taken(ScriptAnswer answer, long cost, bool isCharge, long clock)
    {
        var levels = answer.Reply[1..];
        var now = clock < _now && _now - clock <= 2_000_000 ? _now : clock;
        for (var i = 0; i < levels.Length; i++)
        {
            var rate = limits.Rates[i];
            Hold(cost == 0 || levels[i] >= (isCharge ? Math.Min(_levels[i], -rate.Capacity) : 0), $"limit {i} is never overdrawn");
            Hold(levels[i] >= _levels[i] - Math.Max(0, cost), $"limit {i} pays no more than the request costs");
            var most = Math.Min(_levels[i] + Minted(rate, now), rate.Capacity);
            var left = isCharge ? Math.Clamp(most - cost, -rate.Capacity, rate.Capacity) : most - cost;
            Hold(levels[i] <= left, $"limit {i}: tokens come from refilling only");
            Hold(answer.Lives < 0 || answer.Lives * 1000 >= rate.TimeUntil(levels[i], rate.Capacity), $"limit {i}: the key lives on");
        }

        Note(answer, levels, _held, now);
    }

    public void Looked(ScriptAnswer answer, bool fill, long time, long clock)
    {
        var (held, now, levels) = (answer.Reply[0], answer.Reply[2], answer.Reply[3..]);
        Time(now, clock);
        Hold(fill || answer.Lives < 0, "looking writes nothing");
        for (var i = 0; i < levels.Length; i++)
        {
            Hold(levels[i] + held <= limits.Rates[i].Capacity, $"limit {i}: level and leases fit in the bucket");
            Hold(fill || levels[i] <= _levels[i] + Minted(limits.Rates[i], now), $"limit {i}: tokens come from refilling only");
            if (fill)
            {
                _admitted[i].Fill(time);
            }
        }

        Note(answer, levels, held, now);
    }

    public void Forgotten() => (_levels, _held, _now) = ([.. limits.Rates.Select(rate => rate.Capacity)], 0, long.MinValue);

    private void Note(ScriptAnswer answer, long[] levels, long held, long now)
    {
        if (answer.Lives >= 0)
        {
            (_levels, _held, _now) = (levels, held, now);
        }
    }

    private void Time(long now, long clock) =>
        Hold(now >= _now || (now == clock && _now - clock > 2_000_000), "the bucket's time goes back only from far ahead");

    private long Minted(Rate rate, long now) =>
        _now == long.MinValue || now <= _now ? 0 : (long)Int128.Min((Int128)(now - _now) * rate.Gain / rate.Per, long.MaxValue / 4);

    private void Hold(bool holds, string what) => Broken ??= holds ? null : what;

    /// <summary>One bucket in exact fractions: microtokens × the period.</summary>
    private sealed class OneBucket(Rate rate)
    {
        private Int128 _level = (Int128)rate.Capacity * rate.Per;
        private Int128 _least;
        private long _at = long.MinValue;

        private Int128 Most => (Int128)rate.Capacity * rate.Per;

        public void Fill(long time) => (_level, _at) = (Most, time);

        public void Lend(long tokens) => _least -= (Int128)tokens * rate.Per;

        public bool Spend(long time, long cost)
        {
            _level = _at == long.MinValue ? Most : Int128.Min(Most, _level + ((Int128)(time - _at) * rate.Gain));
            _at = time;
            _level = Int128.Min(Most, _level - ((Int128)cost * rate.Per));
            return _level >= _least;
        }
    }
}
