using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>
/// The scripts on buckets once more, in C#, line by line and in the same floating-point numbers: for simulations and properties that
/// need more calls than a real store answers in the time there is. A test holds both to the same answers.
/// </summary>
internal sealed class BucketTwin : IBucketScripts
{
    private readonly Dictionary<string, State> _keys = [];
    private long _lives = -1;

    public ValueTask<ScriptAnswer> LeaseAsync(string key, string node, LeaseAsk ask, LeaseOptions options, long now) =>
        new(new ScriptAnswer(Lease(key, node, ask, options, now), Lives()));

    public ValueTask<ScriptAnswer[]> TakeAsync(ScriptTake[] takes, long now)
    {
        var open = Array.ConvertAll(takes, take => new Open(take.Limits, _keys.GetValueOrDefault(take.Key), now));
        var admits = takes.Select((take, i) => take.Mode == 2 || Array.TrueForAll(open[i].Levels, level => level >= take.Cost)).ToArray();
        var admitted = takes.Select((take, i) => admits[i] || take.Mode == 1).All(admits => admits);
        return new([.. takes.Select((take, i) => Take(take, open[i], admits[i], admitted))]);
    }

    public ValueTask<ScriptAnswer> LookAsync(string key, LimitSet limits, bool fill, long now)
    {
        var b = new Open(limits, _keys.GetValueOrDefault(key), now);
        for (var i = 0; fill && i < b.Levels.Length; i++)
        {
            b.Levels[i] = Math.Max(0, limits.Rates[i].Capacity - b.Held);
        }

        if (fill && !b.IsFresh)
        {
            b.IsFilled = true;
            Put(key, b);
        }

        long[] reply = [(long)b.Held, b.Leases.Count(lease => lease.Held > 0), (long)b.Time, .. b.Levels.Select(level => (long)level)];
        return new(new ScriptAnswer(reply, Lives()));
    }

    private ScriptAnswer Take(in ScriptTake take, Open b, bool admits, bool admitted)
    {
        var does = admits && admitted;
        for (var i = 0; does && i < b.Levels.Length; i++)
        {
            var most = take.Limits.Rates[i].Capacity;
            var least = take.Mode == 2 ? -most : 0;
            var room = Math.Max(b.Levels[i], most - b.Held);
            b.Levels[i] = Math.Max(Math.Min(b.Levels[i], least), Math.Min(room, b.Levels[i] - take.Cost));
        }

        if (does && (take.Cost > 0 || !b.IsFresh))
        {
            Put(take.Key, b);
        }

        return new ScriptAnswer([!admits ? 0 : admitted ? 1 : 2, .. b.Levels.Select(level => (long)level)], Lives());
    }

    public ValueTask ForgetAsync(string key)
    {
        _keys.Remove(key);
        return default;
    }

    private void Put(string key, Open bucket)
    {
        _keys[key] = bucket.Save(out var lives);
        _lives = lives;
    }

    private long Lives()
    {
        var lives = _lives;
        _lives = -1;
        return lives;
    }

    private long[] Lease(string key, string node, in LeaseAsk ask, LeaseOptions options, long clock)
    {
        var rates = ask.Limits.Rates;
        var b = new Open(ask.Limits, _keys.GetValueOrDefault(key), clock);
        var mine = b.Leases.Find(lease => lease.Node == node);
        var demands = b.Leases.Sum(lease => lease.Node == node ? 0 : lease.Demand);
        var others = b.Leases.Count(lease => lease.Node != node && lease.Held > 0);
        var (unspent, back, changed) = ((double)ask.Unspent, 0d, false);
        long[] Answer(int status, double got, double granted, double retry) =>
        [
            status, (long)got, (long)granted, (long)retry, (long)b.Held, (long)b.Time, others + 1, .. b.Levels.Select(level => (long)level),
        ];
        if (mine is not null && ask.Seq <= mine.Seq)
        {
            return Answer(-1, 0, 0, 0);
        }

        if (mine is not null)
        {
            b.Leases.Remove(mine);
            b.Held -= mine.Held;
            var lost = ask.Ack < mine.Seq ? Math.Min(mine.Grant, mine.Held) : 0;
            unspent = Math.Min(unspent, mine.Held - lost);
            back = lost + Math.Min(ask.Returned, mine.Held - lost - unspent);
            changed = mine.Held > 0;
        }
        else if (ask.Known && unspent > 0)
        {
            changed = true;
            for (var i = 0; i < rates.Length; i++)
            {
                b.Levels[i] = b.IsFresh ? 0 : Math.Min(b.Levels[i], rates[i].Capacity - b.Held - unspent);
            }
        }
        else
        {
            unspent = 0;
        }

        for (var i = 0; i < rates.Length; i++)
        {
            double owed = ask.Debt + ask.Deficit[i];
            var room = Math.Max(b.Levels[i], rates[i].Capacity - b.Held - unspent);
            var level = Math.Min(room, b.Levels[i] + back);
            b.Levels[i] = Math.Min(owed < 0 ? room : level, Math.Max(-rates[i].Capacity, level - owed));
            changed |= owed != 0;
        }

        var free = b.Levels.Min();
        var (got, retry) = Serve(ask, b, free, unspent);
        var granted = Grant(ask, options, b, free - got, unspent, demands, others);
        if (got > 0 || granted > 0 || changed)
        {
            for (var i = 0; i < rates.Length; i++)
            {
                b.Levels[i] -= got + granted;
            }

            var held = unspent + granted;
            if (held > 0 || ask.Want > 0)
            {
                b.Leases.Add(new Record(node, held, b.Time + (options.Lease.Ticks / 10), ask.Seq, granted, ask.Demand));
                b.Held += held;
            }

            Put(key, b);
        }
        else if (mine is not null)
        {
            b.Held += mine.Held;
        }

        return Answer(0, got, granted, retry);
    }

    private static (double Got, double Retry) Serve(in LeaseAsk ask, Open b, double free, double unspent)
    {
        if (ask.Need <= 0)
        {
            return (0, 0);
        }

        if (free >= ask.First)
        {
            return (free >= ask.Need ? ask.Need : free - (free - (Math.Floor(free / ask.First) * ask.First)), 0);
        }

        var retry = 0d;
        for (var i = 0; i < b.Levels.Length; i++)
        {
            var rate = ask.Limits.Rates[i];
            retry = Math.Max(retry, Math.Ceiling((ask.First - b.Levels[i]) * rate.Per / rate.Gain));
            if (ask.First > rate.Capacity - b.Held - unspent && b.Leases.Count > 0)
            {
                retry = Math.Max(retry, b.Leases[0].Ends - b.Time);
            }
        }

        return (0, retry);
    }

    private static double Grant(
        in LeaseAsk ask, LeaseOptions options, Open b, double free, double unspent, double demands, int others)
    {
        if (ask.Want <= 0 || free <= 0)
        {
            return 0;
        }

        var share = demands > 0
            ? Math.Max(free * ask.Demand / (ask.Demand + demands), free / (2 * (others + 1)))
            : free / 2;
        double smallest = ask.Limits.Rates.Min(rate => rate.Capacity);
        var most = Math.Floor(smallest * options.Hoard) - b.Held - unspent;
        var granted = Math.Floor(Math.Min(ask.Want, Math.Min(share, most)) / Rate.Token) * Rate.Token;
        return granted < options.Least ? 0 : granted;
    }

    private sealed record Record(string Node, double Held, double Ends, long Seq, double Grant, double Demand);

    private sealed record State(double Time, Kept[] Levels, Record[] Leases);

    /// <summary>What is kept of one limit: its level at a time, and when it is full for sure.</summary>
    private sealed record Kept(int Tag, double Level, double From, double Full);

    /// <summary>A bucket as it is at a time.</summary>
    private sealed class Open
    {
        private readonly LimitSet _limits;
        private readonly double _clock;
        private readonly double[] _from;
        private readonly Kept[] _others = [];

        public Open(LimitSet limits, State? state, double now)
        {
            (_limits, _clock, Time) = (limits, now, now);
            IsFresh = state is null;
            var ahead = state is not null && state.Time - now > 2_000_000 ? state.Time - now : 0;
            if (state is not null)
            {
                Time = state.Time - ahead;
                Leases = [.. state.Leases.Select(lease => lease with { Ends = lease.Ends - ahead }).OrderBy(lease => lease.Ends)];
                Held = Leases.Sum(lease => lease.Held);
            }

            Kept[] known = [.. (state?.Levels ?? []).Select(kept => kept with { From = kept.From - ahead, Full = kept.Full - ahead })];
            var own = limits.Rates.Select((_, i) => Array.Find(known, kept => kept.Tag == LimitSet.TagAt(limits.Tags, i))).ToArray();
            Levels = [.. own.Select((kept, i) => kept?.Level ?? limits.Rates[i].Capacity)];
            _from = [.. own.Select(kept => kept?.From ?? Time)];
            _others = [.. known.Where(kept => !own.Contains(kept) && kept.Full > now)];
            now = Math.Max(now, Time);
            while (Leases.Count > 0 && Leases[0].Ends <= now)
            {
                var lease = Leases[0];
                Leases.RemoveAt(0);
                Refill(Math.Max(Time, lease.Ends));
                Held -= lease.Held;
            }

            Refill(now);
        }

        public bool IsFresh { get; }

        /// <summary>Given back full, under limits that nobody asks about now, too.</summary>
        public bool IsFilled { get; set; }

        public double Time { get; private set; }

        public double Held { get; set; }

        public double[] Levels { get; }

        public List<Record> Leases { get; } = [];

        public State Save(out long lives)
        {
            var full = _limits.Rates.Select((rate, i) => (rate.Capacity - Levels[i]) * rate.Per / rate.Gain).Max();
            var last = Leases.Select(lease => lease.Ends).Append(Time).Max();
            Kept[] others = [.. (IsFilled ? [] : _others).OrderByDescending(kept => kept.Full).Take(8)];
            full = others.Select(kept => kept.Full - last).Append(Math.Max(0, full)).Max();
            lives = (long)Math.Min(Math.Ceiling((last - _clock + full) / 1000) + 1000, 1e14);
            var levels = Levels.Select((level, i) => new Kept(LimitSet.TagAt(_limits.Tags, i), level, Time, FullAt(i, last)));
            return new State(Time, [.. levels, .. others], [.. Leases]);
        }

        private double FullAt(int i, double last)
        {
            var rate = _limits.Rates[i];
            return Math.Ceiling(last + Math.Max(0, (rate.Capacity - Levels[i]) * rate.Per / rate.Gain));
        }

        private void Refill(double to)
        {
            for (var i = 0; i < Levels.Length; i++)
            {
                var rate = _limits.Rates[i];
                var room = rate.Capacity - Held;
                var most = Math.Max(room, Math.Min(rate.Capacity, Levels[i]));
                Levels[i] = Math.Min(most, Levels[i] + Math.Floor((to - _from[i]) * rate.Gain / rate.Per));
                _from[i] = to;
            }

            Time = to;
        }
    }
}

/// <summary>The scripts on buckets, by a clock that is told to them. Times in microseconds, amounts in microtokens.</summary>
internal interface IBucketScripts
{
    ValueTask<ScriptAnswer> LeaseAsync(string key, string node, LeaseAsk ask, LeaseOptions options, long now);

    ValueTask<ScriptAnswer[]> TakeAsync(ScriptTake[] takes, long now);

    ValueTask<ScriptAnswer> LookAsync(string key, LimitSet limits, bool fill, long now);

    ValueTask ForgetAsync(string key);
}

/// <param name="Reply">What the script says.</param>
/// <param name="Lives">For how many milliseconds it let the key live; -1 when it wrote nothing.</param>
internal readonly record struct ScriptAnswer(long[] Reply, long Lives);

/// <param name="Key">Of the bucket.</param>
/// <param name="Limits">On it.</param>
/// <param name="Mode">0 decides, 1 in shadow, 2 charges what has been spent already.</param>
/// <param name="Cost">Below 0 gives back.</param>
internal readonly record struct ScriptTake(string Key, LimitSet Limits, int Mode, long Cost);
