using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>
/// The product's own nodes, between clients and a <see cref="FaultyStore"/>, while nodes die, their clocks drift and requests of
/// different costs come for a route with one to three policies. Held to: what nodes admitted by leases and by the store is no more than
/// one bucket would have; no request waits beyond the deadline, and none while the breaker is open; a node refuses by itself only
/// what an answer less than a second old says cannot be there.
/// </summary>
internal sealed class NodeTorture
{
    private const long Deadline = 5000;
    private const double Seconds = 8;

    private readonly Random _random;
    private readonly SimulatedWorld _world = new();
    private readonly LeaseOptions _options;
    private readonly RateLimitPolicy[] _policies;
    private readonly Dictionary<string, LeaseWatch> _watches = [];
    private readonly FaultyStore _store;
    private readonly Node[] _nodes;
    private readonly double _rate;
    private readonly Dictionary<DecisionSource, int> _decided = [];
    private int _born;
    private readonly List<Task> _requests = [];
    private readonly bool _settles;

    /// <summary>No node comes to give back what nobody spends: it is spent late, or runs out.</summary>
    private readonly bool _isSlow;
    private bool _isOver;
    private long _quietUntil;
    private string? _broken;

    private NodeTorture(int seed)
    {
        _random = new Random(seed);
        _options = new LeaseOptions
        {
            Lease = TimeSpan.FromMilliseconds(Pick(500, 1000, 2000)),
            Hoard = Pick(0.05, 0.25, 0.5, 1),
            Least = Pick(1, 4) * Rate.Token,
        };
        _policies = [.. Enumerable.Range(0, Pick(1, 1, 2, 3)).Select(i => new RateLimitPolicy
        {
            Name = $"policy-{i}",
            Mode = i > 0 && _random.Next(4) == 0 ? RateLimitMode.Shadow : RateLimitMode.Enforce,
            Decide = i > 0 && _random.Next(4) == 0 ? DecisionMode.Strict : DecisionMode.Leased,
            Limits = [.. Enumerable.Range(0, Pick(1, 1, 1, 2)).Select(j => new Limit(
                $"limit-{j}", Pick(5, 50, 200, 500, 1000), Pick(1, 200, 500, 1000), TimeSpan.FromSeconds(Pick(0.5, 1, 1, 3))))],
        })];
        foreach (var policy in _policies)
        {
            _watches[FaultyStore.KeyOf(NameOf(policy))] = new LeaseWatch(policy.Set, _options);
        }

        _settles = seed % 3 == 0;
        _isSlow = seed % 2 == 0;
        _rate = Pick(20, 200, 1000, 3000);
        _store = new FaultyStore(_world, _options, _random)
        {
            Spent = (key, tokens) =>
            {
                _watches[key].Admitted(_world.Now, Math.Max(0, tokens));
                _watches[key].GivenBack(_world.Now, Math.Max(0, -tokens));
            },
            Faults = Pick(0, 3, 15),
        };
        _nodes = [.. Enumerable.Range(0, Pick(1, 2, 3, 5)).Select(_ => Born())];
    }

    /// <summary>What broke, or null; and how many requests were decided.</summary>
    public static (string? Broken, Dictionary<DecisionSource, int> Decided) Run(int seed)
    {
        var torture = new NodeTorture(seed);
        torture.Arrive();
        torture.Trouble();
        torture._world.RunUntil(torture._world.Now + (long)(Seconds * 1e6));
        torture._isOver = true;
        torture._world.RunUntil(torture._world.Now + 10_000_000);
        torture.Hold(torture._requests.TrueForAll(request => request.IsCompleted), "each request is decided");
        torture._broken ??= torture._requests.Select(request => request.Exception?.ToString()).FirstOrDefault(failed => failed is not null);
        foreach (var policy in torture._policies)
        {
            torture.Hold(torture._store.Look(NameOf(policy), policy.Set)[0] == 0, "what nobody spends goes back, or runs out");
        }

        torture._broken ??= torture._watches.Values.Select(watch => watch.Broken).FirstOrDefault(broken => broken is not null);
        return (torture._broken is { } broken ? $"seed {seed}: {broken}" : null, torture._decided);
    }

    private void Arrive()
    {
        if (_isOver || _broken is not null)
        {
            return;
        }

        var quiet = Math.Max(0, _quietUntil - _world.Now);
        _world.In(quiet + (long)Math.Min(-Math.Log(1 - _random.NextDouble()) * 1e6 / _rate, 1e6), () =>
        {
            _requests.Add(DecideAsync(Pick(_nodes), Pick(1, 1, 1, 2, 3)));
            Arrive();
        });
    }

    /// <summary>Every third of a second or so something happens to a node or to the store.</summary>
    private void Trouble() => _world.In(_random.NextInt64(700_000), () =>
    {
        switch (_random.Next(10))
        {
            case < 2:
                _nodes[_random.Next(_nodes.Length)] = Born(); // what the old one holds is nobody's
                break;
            case 2 when !_isOver:
                _store.PausedUntil = _world.Now + _random.NextInt64(1_500_000);
                break;
            case 3 when !_isOver:
                _store.PutBack += _random.NextInt64(1_500_000);
                break;
            case 4 or 5:
                _quietUntil = _world.Now + (long)(_options.Lease.TotalMicroseconds * (0.9 + (0.2 * _random.NextDouble())));
                _world.In(_quietUntil - _world.Now, Burst);
                break;
        }

        Trouble();
    });

    /// <summary>All that nodes hold and all that is in the bucket is asked for at once.</summary>
    private void Burst()
    {
        var requests = Math.Min(400, _policies.Min(policy => policy.Set.SmallestCapacity) / Rate.Token);
        for (var i = 0; !_isOver && i < requests * _nodes.Length; i++)
        {
            _requests.Add(DecideAsync(_nodes[i % _nodes.Length], tokens: 1));
        }
    }

    private async Task DecideAsync(Node node, long tokens)
    {
        var verdict = Limits.Verdict(tokens, [.. _policies.Select(policy => new BucketTake
        {
            Policy = policy, Limits = policy.Set, Name = NameOf(policy),
        })]);
        if (verdict.RefuseWhatCanNeverBe())
        {
            return;
        }

        var (came, wasUp) = (_world.Now, node.Link.IsUp);
        var isDecided = node.Store.TryTake(verdict);
        var charged = Charge(verdict, 0);
        if (!isDecided)
        {
            Hold(wasUp, "no request waits while the breaker is open");
            await node.Store.TakeAsync(verdict);
            Hold(_world.Now - came <= Deadline, $"no request waits beyond the deadline: {_world.Now - came} µs");
            Charge(verdict, charged);
        }

        foreach (ref var take in verdict.Takes)
        {
            _decided[take.Source] = _decided.GetValueOrDefault(take.Source) + 1;
            Hold(
                _settles || take is not { Source: DecisionSource.DenyCache, Outcome: TakeOutcome.Refused }
                || node.Link.HasSaidNo(take.Name, verdict.Cost),
                "a node refuses by itself for as long as the store's answer says, and a second at most");
            Hold(
                !verdict.Admitted || take.IsShadow || take.Outcome == TakeOutcome.Admitted,
                "all policies admit, or the request is refused");
        }

        if (_settles && verdict.Admitted)
        {
            _world.In(_random.NextInt64(50_000), () => Settle(node, verdict));
        }
    }

    /// <summary>The answer says what the request really cost, in each bucket that was charged.</summary>
    private void Settle(Node node, RateLimitVerdict verdict)
    {
        var difference = _random.NextInt64(-verdict.Cost, 5 * Rate.Token);
        foreach (ref var take in verdict.Takes)
        {
            if (take is { Outcome: TakeOutcome.Admitted, Source: DecisionSource.Lease or DecisionSource.Store })
            {
                _watches[FaultyStore.KeyOf(take.Name)].GivenBackSoon(take.Source == DecisionSource.Lease ? Math.Max(0, -difference) : 0);
                node.Store.Settle(ref take, difference);
            }
        }
    }

    /// <summary>Tokens of a lease are spent when the node takes them; those that the store gave were when it did.</summary>
    private int Charge(RateLimitVerdict verdict, int already)
    {
        var (charged, at) = (0, 0);
        foreach (ref var take in verdict.Takes)
        {
            if (take is { Source: DecisionSource.Lease, Outcome: TakeOutcome.Admitted } && (already & (1 << at)) == 0)
            {
                _watches[FaultyStore.KeyOf(take.Name)].Admitted(_world.Now, verdict.Cost);
                charged |= 1 << at;
            }
            else if (take.Outcome == TakeOutcome.GivenBack && (already & (1 << at)) != 0)
            {
                _watches[FaultyStore.KeyOf(take.Name)].GivenBack(_world.Now, verdict.Cost);
            }

            at++;
        }

        return charged;
    }

    private Node Born()
    {
        var time = new Drifting(_world, 1 + (0.01 * (_random.NextDouble() - 0.5)));
        var local = new MemoryBucketStore(time, most: 64, stripes: 1);
        var link = _store.LinkOf($"node-{_born++}", 3, local, time);
        var node = new Node(link, new LeasedBucketStore(
            new LeaseNode(_options, most: 64, stripes: 1), link, link, link, local, time, waiter => waiter.GoOn()));
        Sweep(node);
        return node;
    }

    private void Sweep(Node node) => _world.In(100_000, () =>
    {
        if (Array.Exists(_nodes, other => ReferenceEquals(other, node)))
        {
            if (_isOver || !_isSlow)
            {
                node.Store.Sweep();
            }

            Sweep(node);
        }
    });

    private static BucketName NameOf(RateLimitPolicy policy) => new(policy, BucketName.Known, "acme");

    private void Hold(bool holds, string what) => _broken ??= holds ? null : what;

    private T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];

    private sealed record Node(FaultyStore.Link Link, LeasedBucketStore Store);

    /// <summary>A node's clock, beside true time.</summary>
    private sealed class Drifting(SimulatedWorld world, double speed) : TimeProvider
    {
        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => (long)(world.Now * speed);
    }
}
