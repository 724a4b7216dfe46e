using EdgeProxy.RateLimiting;
using Leases;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>One run of a <see cref="Scenario"/> with the product's own nodes, beside two buckets that see everything.</summary>
internal sealed class SimulatedRun
{
    private const long Long = 2000;

    private readonly Scenario _scenario;
    private readonly SimulatedWorld _world = new();
    private readonly Random _random;
    private readonly RateLimitPolicy _policy;
    private readonly SimulatedStore _store;
    private readonly LeasedBucketStore[] _nodes;
    private readonly long _began;

    /// <summary>What one bucket would have admitted.</summary>
    private readonly OneBucket _oracle;

    /// <summary>When requests came that were admitted, and when they went on, in seconds.</summary>
    private readonly List<(double Came, double Went)> _admissions = [];
    private long _requests;
    private long _admitted;
    private long _ideal;
    private long _waited;
    private long _late;
    private long _longest;

    public SimulatedRun(Scenario scenario, int seed)
    {
        _scenario = scenario;
        _random = new Random(seed);
        _began = _world.Now;
        _policy = Limits.Policy(Limits.Of(scenario.Capacity, scenario.PerSecond, 1)) with { Decide = scenario.Decide };
        _oracle = new OneBucket(_policy.Set.Rates[0], _began);
        _store = new SimulatedStore(_world, scenario.Options, seed + 16)
        {
            Late = scenario.Late,
            Pause = (_began + (long)(scenario.Pause.From * 1e6), _began + (long)(scenario.Pause.To * 1e6)),
        };
        _nodes = [.. Enumerable.Range(0, scenario.Nodes).Select(NodeOf)];
    }

    public Outcome Run()
    {
        Arrive();
        foreach (var node in _nodes)
        {
            Sweep(node);
        }

        _world.RunUntil(_began + (long)(_scenario.Seconds * 1e6));
        return new Outcome(
            (double)_admitted / _ideal, Account.Certain([.. _admissions], _scenario.Capacity, _scenario.PerSecond),
            (double)_store.Calls / _requests, (double)_waited / _requests, _longest, _late);
    }

    private LeasedBucketStore NodeOf(int index)
    {
        var link = _store.LinkOf(index, _scenario.Nodes);
        return new LeasedBucketStore(
            new LeaseNode(_scenario.Options, most: 64, stripes: 1), link, link, strict: null!,
            new MemoryBucketStore(_world.Time, most: 64, stripes: 1), _world.Time, waiter => waiter.GoOn());
    }

    private void Sweep(LeasedBucketStore node) => _world.In(100_000, () =>
    {
        node.Sweep();
        Sweep(node);
    });

    /// <summary>Requests come by chance: the time between two of them is distributed exponentially.</summary>
    private void Arrive()
    {
        var now = (_world.Now - _began) / 1e6;
        var rate = _scenario.Load?.Invoke(now) ?? _scenario.Rate;
        if (rate <= 0)
        {
            _world.In(1000, Arrive);
            return;
        }

        _world.In((long)Math.Min(-Math.Log(1 - _random.NextDouble()) * 1e6 / rate, 1e6), () =>
        {
            var at = (_world.Now - _began) / 1e6;
            var node = _nodes[_scenario.Choose(at, _random.NextDouble(), _nodes.Length)];
            _requests++;
            _ideal += _oracle.TryTake(_world.Now) ? 1 : 0;
            _ = DecideAsync(node);
            Arrive();
        });
    }

    private async Task DecideAsync(LeasedBucketStore node)
    {
        var verdict = Limits.Verdict(Limits.Take(_policy, "acme"));
        var came = _world.Now;
        if (!node.TryTake(verdict))
        {
            await node.TakeAsync(verdict);
            _waited++;
            _longest = Math.Max(_longest, _world.Now - came);
            _late += _world.Now - came > Long ? 1 : 0;
        }

        if (verdict.Admitted)
        {
            _admitted++;
            _admissions.Add((came / 1e6, _world.Now / 1e6));
        }
    }

    /// <summary>The bucket that everybody asks at once.</summary>
    private sealed class OneBucket(Rate rate, long began)
    {
        private long _level = rate.Capacity;
        private long _at = began;

        public bool TryTake(long now)
        {
            _level = Math.Min(rate.Capacity, _level + ((now - _at) * rate.Gain / rate.Per));
            _at = now;
            if (_level < Rate.Token)
            {
                return false;
            }

            _level -= Rate.Token;
            return true;
        }
    }
}
