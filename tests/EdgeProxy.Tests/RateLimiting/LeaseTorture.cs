using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>
/// Nodes that share one bucket while everything that may go wrong does: questions lost, late or executed twice, answers lost, nodes that
/// die, clocks that drift, a store whose clock is put back, requests that turn out to have cost more or less; and in between all nodes take
/// what they can, keep still until just before their leases run out, and spend everything at once. Each answer and each admission is held
/// to what must never break. Every fourth time no message is lost or late: then what was admitted and what is left make up all there was.
/// </summary>
internal sealed class LeaseTorture
{
    private const int Steps = 60;

    private readonly Random _random;
    private readonly IBucketScripts _scripts;
    private readonly string _key;
    private readonly LeaseOptions _options;
    private readonly LimitSet _limits;
    private readonly List<Node> _nodes = [];
    private readonly PriorityQueue<(Node Node, LeaseAsk Ask, long SentAt, bool IsAnswerLost), long> _late = new();
    private readonly LeaseWatch _watch;
    private readonly LeaseLedger _ledger;
    private readonly bool _isCalm;
    private readonly bool _isToFillSoon;
    private long _time;
    private long _admitted;
    private long _wasted;
    private long _offset = 200_000_000_000_000;
    private long _forgottenAt = long.MaxValue;
    private int _born;
    private bool _isPromiseAlone;

    private LeaseTorture(int seed, IBucketScripts scripts, bool fillsSoon = false)
    {
        _random = new Random(seed);
        _isToFillSoon = fillsSoon;
        _scripts = scripts;
        _key = $"torture:{seed}";
        _options = new LeaseOptions
        {
            Lease = TimeSpan.FromMilliseconds(Pick(50, 200, 1000, 2000)),
            Hoard = fillsSoon ? Pick(0.25, 0.5, 1) : Pick(0.05, 0.25, 0.5, 1),
            Least = fillsSoon ? Rate.Token : Pick(1, 4) * Rate.Token,
        };
        _limits = new LimitSet(fillsSoon
            ? [new Limit("limit", Pick(10, 50, 200, 1000), Pick(50, 200, 1000), _options.Lease / 4)]
            : [.. Enumerable.Range(0, Pick(1, 2, 3)).Select(i => new Limit(
            $"limit-{i}", Pick(1, 2, 5, 10, 50, 200, 1000), Pick(1, 7, 50, 200, 1000), TimeSpan.FromSeconds(Pick(0.05, 1, 1, 3, 60))))]);
        _watch = new LeaseWatch(_limits, _options);
        _ledger = new LeaseLedger(_limits, _options);
        _isCalm = seed % 4 == 0;
        for (var i = Pick(1, 2, 3, 5, 8); i > 0; i--)
        {
            _nodes.Add(Born());
        }
    }

    private long Lease => _options.Lease.Ticks / TimeSpan.TicksPerMicrosecond;

    private string? Broken => _watch.Broken ?? (_isPromiseAlone ? null : _ledger.Broken);

    /// <summary>What broke, or null.</summary>
    public static Task<string?> RunAsync(int seed, IBucketScripts scripts) => RunAsync(new LeaseTorture(seed, scripts), seed);

    /// <summary>What broke of what users are promised, or null; whether the books balance is not looked at.</summary>
    public static Task<string?> RunForPromiseAsync(int seed, IBucketScripts scripts) =>
        RunAsync(new LeaseTorture(seed, scripts) { _isPromiseAlone = true }, seed);

    /// <summary>
    /// Holding and spending late alone, from a bucket that fills within the time: whether more was admitted than one bucket would have.
    /// </summary>
    public static async Task<bool> OverdrawsAsync(int seed, IBucketScripts scripts)
    {
        var torture = new LeaseTorture(seed, scripts, fillsSoon: true);
        await scripts.ForgetAsync(torture._key);
        await torture.HoldAndDumpAsync();
        return torture._watch.IsOverdrawn;
    }

    private static async Task<string?> RunAsync(LeaseTorture torture, int seed)
    {
        await torture._scripts.ForgetAsync(torture._key);
        for (var i = 0; i < 3 && torture.Broken is null; i++)
        {
            await torture.RunStepsAsync();
            await torture.HoldAndDumpAsync();
        }

        return torture.Broken is { } broken ? $"seed {seed}: {broken}" : null;
    }

    private async Task RunStepsAsync()
    {
        for (var i = 0; i < Steps && Broken is null; i++)
        {
            await PassAsync(_random.Next(10) switch
            {
                < 6 => _random.NextInt64(Lease / 50),
                < 9 => _random.NextInt64(Lease / 4),
                _ => _random.NextInt64(Lease * 6 / 5),
            });
            var index = _random.Next(_nodes.Count);
            var node = _nodes[index];
            switch (_random.Next(100))
            {
                case < 55:
                    await AskAsync(node, _isCalm ? 99 : _random.Next(100));
                    break;
                case < 76:
                    Spend(node, _random.Next(1, 20));
                    break;
                case < 86:
                    await TakeAsync(mode: 0, Cost());
                    break;
                case < 90:
                    await TakeAsync(mode: 2, _random.NextInt64(-3 * Rate.Token, 5 * Rate.Token));
                    break;
                case < 93:
                    _wasted += node.Unspent; // what the old one holds is nobody's
                    _nodes[index] = Born();
                    break;
                case < 96:
                    _offset -= _random.NextInt64(2_000_000);
                    break;
                case < 99:
                    await LookAsync(fill: false);
                    break;
                default:
                    await LookAsync(fill: true);
                    break;
            }

            Balance();
        }
    }

    private async Task HoldAndDumpAsync()
    {
        foreach (var node in _nodes.Concat(_nodes).ToArray())
        {
            await SendAsync(node, Question(node, waiting: 0, wants: 2 * _limits.Rates.Min(rate => rate.Capacity), returned: 0), 0, 99);
        }

        // Either just before their leases run out one drains the bucket and then all spend, or all spend and one drains it after.
        var drainsFirst = _isToFillSoon || _random.Next(2) == 0;
        await PassAsync((long)(Lease * (drainsFirst ? 0.5 + (0.45 * _random.NextDouble()) : 0.97)));
        if (!drainsFirst)
        {
            _nodes.ForEach(node => Spend(node, int.MaxValue));
            await PassAsync(Lease / 25);
        }

        var waiting = (int)(_limits.Rates.Max(rate => rate.Capacity) / Rate.Token) + 1;
        var drain = Born();
        await SendAsync(drain, Question(drain, waiting, wants: 0, returned: 0), 0, 99);
        _nodes.ForEach(node => Spend(node, int.MaxValue));
    }

    private Task AskAsync(Node node, int fate)
    {
        var hold = IsLive(node) ? node.Unspent : 0;
        var returned = _random.Next(5) == 0 ? _random.NextInt64(hold + 1) : 0;
        var wants = _random.Next(5) == 0 ? 0 : _random.NextInt64(_limits.Rates[0].Capacity + Rate.Token);
        return SendAsync(node, Question(node, _random.Next(5), wants, returned), _random.NextInt64(300_000), fate);
    }

    private LeaseAsk Question(Node node, int waiting, long wants, long returned)
    {
        _wasted += IsLive(node) ? 0 : node.Unspent;
        node.Unspent = IsLive(node) ? node.Unspent - returned : 0;
        var (cost, debt, deficit) = (Cost(), _random.Next(20) == 0 ? _random.NextInt64(-5, 9) * Rate.Token : 0, default(Levels));
        deficit[_random.Next(_limits.Rates.Length)] = _random.Next(20) == 0 ? _random.NextInt64(9 * Rate.Token) : 0;
        return new LeaseAsk(
            _limits, waiting * cost, cost, wants, _random.Next(1, 1000) * Rate.Token, ++node.Seq, node.Ack, node.Unspent, returned,
            debt, deficit, IsLive(node) && node.Unspent > 0);
    }

    private long Cost() => (_isToFillSoon ? 1 : Pick(1, 1, 2, 3)) * Rate.Token;

    /// <summary>5 in 100 are lost, 10 late, 8 have their answer lost, 5 come twice.</summary>
    private async Task SendAsync(Node node, LeaseAsk ask, long delay, int fate)
    {
        switch (fate)
        {
            case < 5:
                return;
            case < 15:
                _late.Enqueue((node, ask, _time, false), _time + delay);
                return;
            case < 23:
                await ExecuteAsync(node, ask, _time, isAnswerLost: true);
                return;
            case < 28:
                _late.Enqueue((node, ask, _time, true), _time + delay);
                break;
        }

        await ExecuteAsync(node, ask, _time, isAnswerLost: false);
    }

    private async Task ExecuteAsync(Node node, LeaseAsk ask, long sentAt, bool isAnswerLost)
    {
        await ForgetAsync();
        var clock = _time + _offset;
        var answer = await _scripts.LeaseAsync(_key, node.Id, ask, _options, clock);
        var reply = answer.Reply;
        Kept(answer, clock);
        _ledger.Leased(node.Id, ask, answer, clock);
        _watch.Leased(answer, ask, clock, isLate: sentAt < _time);
        if (reply[0] < 0)
        {
            return;
        }

        _watch.GivenBack(_time, Math.Max(0, -ask.Debt));
        if (isAnswerLost || node.Seq != ask.Seq || node.Ack == ask.Seq)
        {
            return;
        }

        // A node that used tokens in the meantime has as much less of what it told.
        node.Ack = ask.Seq;
        node.Unspent = (IsLive(node) ? node.Unspent : 0) + reply[2];
        node.EndsAt = sentAt + (long)(Lease * _options.Margin / node.Speed);
        Admitted(reply[1]);
    }

    private void Spend(Node node, int requests)
    {
        for (var cost = Cost(); requests > 0 && IsLive(node) && node.Unspent >= cost; requests--)
        {
            node.Unspent -= cost;
            Admitted(cost);
        }
    }

    private async Task TakeAsync(int mode, long cost)
    {
        await ForgetAsync();
        var answer = (await _scripts.TakeAsync([new ScriptTake(_key, _limits, mode, cost)], _time + _offset))[0];
        var does = answer.Reply[0] == 1;
        Kept(answer, _time + _offset);
        _ledger.Taken(mode, cost, answer, _time + _offset);
        _watch.Taken(answer, does ? cost : 0, isCharge: mode == 2, _time + _offset);
        if (mode == 0)
        {
            Admitted(does ? cost : 0);
        }
        else
        {
            _watch.GivenBack(_time, Math.Max(0, -cost)); // what is charged afterwards was admitted at its price, and is none of the promise
        }
    }

    private async Task LookAsync(bool fill)
    {
        await ForgetAsync();
        var answer = await _scripts.LookAsync(_key, _limits, fill, _time + _offset);
        Kept(answer, _time + _offset);
        _ledger.Looked(fill, answer, _time + _offset);
        _watch.Looked(answer, fill, _time, _time + _offset);
        _watch.Same(answer, await _scripts.LookAsync(_key, _limits, fill: false, _time + _offset));
    }

    private void Admitted(long tokens)
    {
        _admitted += tokens;
        _watch.Admitted(_time, tokens);
    }

    /// <summary>All that ever came in is admitted, in the bucket, in the hands of a node, or ran out there.</summary>
    private void Balance()
    {
        for (var i = 0; _isCalm && !_isPromiseAlone && i < _limits.Rates.Length; i++)
        {
            var came = _limits.Rates[i].Capacity + _ledger.Income[i];
            _watch.Equal(came, _admitted + _ledger.Levels[i] + _nodes.Sum(node => node.Unspent) + _wasted, $"limit {i}: no token is lost");
        }
    }

    /// <summary>Time goes on; what was on its way arrives.</summary>
    private async Task PassAsync(long micros)
    {
        var until = _time + micros;
        while (_late.TryPeek(out var late, out var due) && due <= until)
        {
            _late.Dequeue();
            _time = Math.Max(_time, due);
            await ExecuteAsync(late.Node, late.Ask, late.SentAt, late.IsAnswerLost);
        }

        _time = until;
    }

    /// <summary>Lets the key go when its life is over by the clock of the test.</summary>
    private async Task ForgetAsync()
    {
        if (_time + _offset > _forgottenAt)
        {
            await _scripts.ForgetAsync(_key);
            _forgottenAt = long.MaxValue;
            _ledger.Forgotten(_time + _offset);
            _watch.Forgotten();
        }
    }

    private void Kept(ScriptAnswer answer, long clock) =>
        _forgottenAt = answer.Lives < 0 ? _forgottenAt : clock + (answer.Lives * 1000);

    private Node Born() => new($"node-{_born++}", 1 + (0.01 * (_random.NextDouble() - 0.5)));

    private bool IsLive(Node node) => _time < node.EndsAt;

    private T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];

    /// <param name="Id">A new one for each life.</param>
    /// <param name="Speed">Of its clock, beside true time.</param>
    internal sealed record Node(string Id, double Speed)
    {
        public long Seq { get; set; }

        public long Ack { get; set; }

        public long Unspent { get; set; }

        public long EndsAt { get; set; } = long.MinValue;
    }
}
