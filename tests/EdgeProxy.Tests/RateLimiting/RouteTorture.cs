using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>
/// A route with several policies, each with several limits and a bucket of its own from which nodes hold leases, asked in one call: all pay
/// or none does, one in shadow pays only with the others and for itself, and no bucket admits more than it would alone.
/// </summary>
internal sealed class RouteTorture
{
    private const int Steps = 150;

    private readonly Random _random;
    private readonly IBucketScripts _scripts;
    private readonly LeaseOptions _options;
    private readonly Bucket[] _buckets;
    private long _time = 200_000_000_000_000;

    private RouteTorture(int seed, IBucketScripts scripts)
    {
        _random = new Random(seed);
        _scripts = scripts;
        var lease = TimeSpan.FromMilliseconds(Pick(50, 500, 2000));
        _options = new LeaseOptions { Lease = lease, Hoard = Pick(0.25, 0.5, 1), Least = Rate.Token };
        _buckets = [.. Enumerable.Range(0, Pick(2, 3)).Select(i => new Bucket(
            $"{{route:{seed}}}:{i}",
            new LimitSet([.. Enumerable.Range(0, Pick(1, 2, 3)).Select(j => new Limit(
                $"limit-{j}", Pick(1, 2, 5, 10, 50, 200), Pick(1, 7, 50, 200), TimeSpan.FromSeconds(Pick(0.05, 1, 3, 60))))]),
            _options))];
    }

    /// <summary>What broke, or null.</summary>
    public static async Task<string?> RunAsync(int seed, IBucketScripts scripts)
    {
        var torture = new RouteTorture(seed, scripts);
        foreach (var bucket in torture._buckets)
        {
            await scripts.ForgetAsync(bucket.Key);
        }

        string? broken = null;
        for (var i = 0; i < Steps && broken is null; i++)
        {
            torture._time += torture._random.NextInt64(torture._random.Next(4) == 0 ? 1_000_000 : 10_000);
            broken = torture._random.Next(3) == 0
                ? await torture.LendAsync(torture.Pick(torture._buckets))
                : await torture.TakeAsync();
            broken ??= torture._buckets.Select(bucket => bucket.Broken).FirstOrDefault(broken => broken is not null);
        }

        return broken is null ? null : $"seed {seed}: {broken}";
    }

    /// <summary>One of two nodes spends what it holds of the bucket, and asks for more.</summary>
    private async Task<string?> LendAsync(Bucket bucket)
    {
        await ForgetAsync(bucket);
        var node = Pick(bucket.Nodes);
        var isLive = _time < node.EndsAt;
        var spent = isLive ? _random.NextInt64(node.Unspent / Rate.Token + 1) * Rate.Token : 0;
        bucket.Admitted(_time, spent);
        node.Unspent = isLive ? node.Unspent - spent : 0;
        var ask = new LeaseAsk(
            bucket.Limits, 0, 0, _random.NextInt64(1, 20 * Rate.Token), Rate.Token, ++node.Seq, node.Seq - 1, node.Unspent, 0, 0, default,
            node.Unspent > 0);
        var answer = await _scripts.LeaseAsync(bucket.Key, node.Id, ask, _options, _time);
        bucket.Kept(answer, _time);
        bucket.Ledger.Leased(node.Id, ask, answer, _time);
        node.Unspent += answer.Reply[2];
        node.EndsAt = _time + (long)(_options.Spendable.TotalMicroseconds);
        return null;
    }

    private async Task<string?> TakeAsync()
    {
        foreach (var bucket in _buckets)
        {
            await ForgetAsync(bucket);
        }

        // The product asks for those in shadow last.
        var shadows = _random.Next(2);
        var cost = Pick(1, 1, 2, 3) * Rate.Token;
        var takes = _buckets.Select((bucket, i) => new ScriptTake(bucket.Key, bucket.Limits, i >= _buckets.Length - shadows ? 1 : 0, cost));
        var asked = takes.ToArray();
        var answers = await _scripts.TakeAsync(asked, _time);
        for (var i = 0; i < asked.Length; i++)
        {
            _buckets[i].Kept(answers[i], _time);
            _buckets[i].Ledger.Taken(asked[i].Mode, cost, answers[i], _time);
            _buckets[i].Admitted(_time, answers[i].Reply[0] == 1 ? cost : 0);
        }

        var deciding = answers.Where((_, i) => asked[i].Mode == 0).Select(answer => answer.Reply[0]).ToArray();
        var admitted = Array.TrueForAll(deciding, said => said == 1);
        return !admitted && (deciding.Contains(1) || !deciding.Contains(0)) ? "all are charged or none"
            : !admitted && answers.Any(answer => answer.Reply[0] == 1) ? "what is in shadow pays with the others only"
            : null;
    }

    private async Task ForgetAsync(Bucket bucket)
    {
        if (_time > bucket.ForgottenAt)
        {
            await _scripts.ForgetAsync(bucket.Key);
            bucket.ForgottenAt = long.MaxValue;
            bucket.Ledger.Forgotten(_time);
        }
    }

    private T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];

    private sealed class Bucket(string key, LimitSet limits, LeaseOptions options)
    {
        private readonly LeaseWatch _watch = new(limits, options);

        public string Key { get; } = key;

        public LimitSet Limits { get; } = limits;

        public LeaseLedger Ledger { get; } = new(limits, options);

        public LeaseTorture.Node[] Nodes { get; } = [new("a", 1), new("b", 1)];

        public long ForgottenAt { get; set; } = long.MaxValue;

        public string? Broken => Ledger.Broken ?? _watch.Broken;

        public void Admitted(long time, long cost) => _watch.Admitted(time, cost);

        public void Kept(ScriptAnswer answer, long now) => ForgottenAt = answer.Lives < 0 ? ForgottenAt : now + (answer.Lives * 1000);
    }
}
