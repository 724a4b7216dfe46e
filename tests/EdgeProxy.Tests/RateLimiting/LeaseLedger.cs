using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>
/// Where each token of a bucket is, from questions and answers alone: what came in and found room is in the bucket, lent, or was spent,
/// to the last microtoken. Held against each answer as an equality, so that a token that vanishes is found as one too many is.
/// </summary>
internal sealed class LeaseLedger(LimitSet limits, LeaseOptions options)
{
    private readonly long _lasts = options.Lease.Ticks / TimeSpan.TicksPerMicrosecond;
    private Page _written = new(limits);

    /// <summary>What came in and found room, less what went out otherwise than to a request when it was admitted; for each limit.</summary>
    public long[] Income { get; } = new long[limits.Rates.Length];

    public long[] Levels => _written.Levels;

    public string? Broken { get; private set; }

    public void Leased(string node, in LeaseAsk ask, in ScriptAnswer answer, long clock)
    {
        var (reply, page) = (answer.Reply, _written.At(clock));
        var (got, granted) = (reply[1], reply[2]);
        var has = page.Leases.TryGetValue(node, out var lease);
        Hold((reply[0] < 0) == (has && ask.Seq <= lease.Seq), "a question has its effect once, and none after a later one");
        if (reply[0] < 0)
        {
            Expect(page, answer, writes: false, reply[7..], reply[4], clock);
            return;
        }

        var (unspent, back, writes) = (0L, 0L, false);
        if (has)
        {
            var lost = ask.Ack < lease.Seq ? Math.Min(lease.Grant, lease.Held) : 0;
            unspent = Math.Min(ask.Unspent, lease.Held - lost);
            back = lost + Math.Min(ask.Returned, lease.Held - lost - unspent);
            writes = lease.Held > 0;
        }
        else if (ask.Known && ask.Unspent > 0)
        {
            (unspent, writes) = (ask.Unspent, true);
        }

        var isRetold = writes && !has;
        for (var i = 0; i < page.Levels.Length; i++)
        {
            var most = limits.Rates[i].Capacity;
            var level = page.Levels[i] + back;
            level = isRetold ? page.IsNew ? 0 : Math.Min(level, most - page.Held - unspent) : level;
            var owed = ask.Debt + ask.Deficit[i];
            writes |= owed != 0;
            var room = most - page.Held + (has ? lease.Held : 0) - unspent;
            level = Math.Min(owed < 0 ? Math.Max(level, room) : level, Math.Max(-most, level - owed));
            page.Change(i, level - page.Levels[i] - back);
            page.Levels[i] = level - got - granted;
        }

        writes |= got + granted > 0;
        var held = unspent + granted;
        if (writes && (held > 0 || ask.Want > 0))
        {
            page.Leases[node] = new Lease(held, page.Time + _lasts, ask.Seq, granted);
        }
        else if (writes)
        {
            page.Leases.Remove(node);
        }

        Expect(page, answer, writes, reply[7..], reply[4], clock);
    }

    /// <param name="mode">As the script is told.</param>
    /// <param name="cost">In microtokens; below 0 gives back.</param>
    /// <param name="answer">1 admitted, 0 refused, 2 left alone since another refused; then the levels.</param>
    /// <param name="clock">What the script took for the time.</param>
    public void Taken(int mode, long cost, in ScriptAnswer answer, long clock)
    {
        var page = _written.At(clock);
        var admits = mode == 2 || Array.TrueForAll(page.Levels, level => level >= cost);
        var does = answer.Reply[0] == 1;
        Hold(admits == answer.Reply[0] > 0, "what suffices under all limits admits, and nothing else does");
        for (var i = 0; does && i < page.Levels.Length; i++)
        {
            var (level, most) = (page.Levels[i], limits.Rates[i].Capacity);
            var after = Math.Min(level - cost, most - page.Held);
            after = Math.Max(after, Math.Min(level, mode == 2 ? -most : 0));
            page.Change(i, mode == 0 && cost > 0 ? 0 : after - level);
            page.Levels[i] = after;
        }

        Expect(page, answer, does && (cost > 0 || !page.IsNew), answer.Reply[1..], null, clock);
    }

    public void Looked(bool fill, in ScriptAnswer answer, long clock)
    {
        var page = _written.At(clock);
        for (var i = 0; fill && i < page.Levels.Length; i++)
        {
            var full = limits.Rates[i].Capacity - page.Held;
            page.Change(i, full - page.Levels[i]);
            page.Levels[i] = full;
        }

        Expect(page, answer, fill && !page.IsNew, answer.Reply[3..], answer.Reply[0], clock);
    }

    /// <summary>The key's life is over, so that the bucket is full again.</summary>
    public void Forgotten(long clock)
    {
        var page = _written.At(clock);
        var isFull = page.Held == 0 && page.Levels.SequenceEqual(limits.Rates.Select(rate => rate.Capacity));
        Hold(isFull, "a key lives until its bucket is full");
        Write(page);
        _written = new Page(limits);
    }

    private void Expect(Page page, in ScriptAnswer answer, bool writes, long[] levels, long? held, long clock)
    {
        Hold(writes == answer.Lives >= 0, "what changes nothing is not written, and all else is");
        Hold(levels.SequenceEqual(page.Levels), "each token is in the bucket, lent or spent: "
            + $"{string.Join(' ', levels)} and not {string.Join(' ', page.Levels)}");
        Hold(held is null || held == page.HeldOf(), $"each token lent is in a lease: {held} and not {page.HeldOf()}");
        if (writes)
        {
            var ends = page.Leases.Values.Select(lease => lease.Ends).Append(page.Time).Max();
            var full = limits.Rates.Select((rate, i) => rate.TimeUntil(page.Levels[i], rate.Capacity)).Max();
            Hold(answer.Lives * 1000 >= ends + full - clock, "a key lives until the bucket is full, counted from the last lease's end");
            Hold(answer.Lives * 1000 <= ends + full - clock + 1_002_000, "a key lives no longer than it must");
            Write(page);
        }
    }

    private void Write(Page page)
    {
        for (var i = 0; i < Income.Length; i++)
        {
            Income[i] += page.Came[i];
        }

        _written = page.Kept();
    }

    private void Hold(bool holds, string what) => Broken ??= holds ? null : what;

    private readonly record struct Lease(long Held, long Ends, long Seq, long Grant);

    /// <summary>The bucket as it stood at a time.</summary>
    private sealed class Page(LimitSet limits)
    {
        private const long FarAhead = 2_000_000;

        public bool IsNew { get; private init; } = true;

        public long Time { get; private set; }

        public long[] Levels { get; } = [.. limits.Rates.Select(rate => rate.Capacity)];

        /// <summary>What has found room since it was written.</summary>
        public long[] Came { get; } = new long[limits.Rates.Length];

        public Dictionary<string, Lease> Leases { get; private init; } = [];

        /// <summary>What was lent when the page was turned.</summary>
        public long Held { get; private set; }

        public long HeldOf() => Leases.Values.Sum(lease => lease.Held);

        public void Change(int limit, long by) => Came[limit] += by;

        public Page Kept() => Copy(isNew: false, Leases);

        /// <summary>The page that follows: what has come in up to then, as far as there was room for it.</summary>
        public Page At(long clock)
        {
            var back = !IsNew && Time - clock > FarAhead ? Time - clock : 0;
            var next = Copy(IsNew, Leases.ToDictionary(one => one.Key, one => one.Value with { Ends = one.Value.Ends - back }));
            next.Time = IsNew ? clock : Time - back;
            next.Held = next.HeldOf();
            var until = Math.Max(clock, next.Time);
            foreach (var (node, lease) in next.Leases.Where(one => one.Value.Ends <= until).OrderBy(one => one.Value.Ends).ToArray())
            {
                next.Pass(Math.Max(next.Time, lease.Ends));
                next.Leases.Remove(node);
                next.Held -= lease.Held;
            }

            next.Pass(until);
            return next;
        }

        private void Pass(long until)
        {
            for (var i = 0; i < Levels.Length; i++)
            {
                var rate = limits.Rates[i];
                var came = (long)Int128.Min((Int128)(until - Time) * rate.Gain / rate.Per, rate.Capacity - Held - Levels[i]);
                (Levels[i], Came[i]) = (Levels[i] + came, Came[i] + came);
            }

            Time = until;
        }

        private Page Copy(bool isNew, Dictionary<string, Lease> leases)
        {
            var page = new Page(limits) { IsNew = isNew, Time = Time, Leases = leases };
            Levels.CopyTo(page.Levels, 0);
            return page;
        }
    }
}
