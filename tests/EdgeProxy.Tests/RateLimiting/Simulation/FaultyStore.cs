using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>
/// The network and the store between nodes, at their worst: questions lost, late or executed twice, answers lost or late, pauses, a
/// clock that is put back. Keys live no longer than the script said.
/// </summary>
internal sealed partial class FaultyStore(SimulatedWorld world, LeaseOptions options, Random random)
{
    private const long Deadline = 5000;
    private const long Patience = 1_000_000;

    private readonly BucketTwin _twin = new();
    private readonly Dictionary<string, long> _lives = [];

    /// <summary>Told, by key, what was spent in the store, when it was; below zero what was given back.</summary>
    public required Action<string, long> Spent { get; init; }

    /// <summary>By how much the store's clock has been put back.</summary>
    public long PutBack { get; set; }

    public long PausedUntil { get; set; }

    /// <summary>In a hundred questions: lost, late, executed twice, and answers lost.</summary>
    public int Faults { get; init; }

    private long Clock => World.Now + 200_000_000_000_000 - PutBack;

    private bool IsPaused => World.Now < PausedUntil;

    public Link LinkOf(string node, int nodes, MemoryBucketStore local, TimeProvider time) =>
        new(this, node, local, time) { Nodes = nodes };

    public long[] Look(BucketName name, LimitSet limits) => Run(name, key => _twin.LookAsync(key, limits, fill: false, Clock)).Reply;

    public static string KeyOf(BucketName name) => name.Policy.Name;

    private ScriptAnswer Run(BucketName name, Func<string, ValueTask<ScriptAnswer>> ask)
    {
        Forget(name);
        var answer = ask(KeyOf(name)).AsTask().GetAwaiter().GetResult();
        Keep(name, answer);
        return answer;
    }

    private void Forget(BucketName name)
    {
        if (_lives.TryGetValue(KeyOf(name), out var until) && Clock > until)
        {
            _ = _twin.ForgetAsync(KeyOf(name)).AsTask();
            _lives.Remove(KeyOf(name));
        }
    }

    private void Keep(BucketName name, in ScriptAnswer answer)
    {
        if (answer.Lives >= 0)
        {
            _lives[KeyOf(name)] = Clock + (answer.Lives * 1000);
        }
    }

    private async ValueTask<ScriptAnswer> Charge(ScriptTake charge)
    {
        Spent(charge.Key, Math.Min(0, charge.Cost));
        return (await _twin.TakeAsync([charge], Clock))[0];
    }

    private LeaseReply Answer(string node, BucketName name, LeaseAsk ask)
    {
        var reply = RedisLeaseStore.ReplyOf(Run(name, key => _twin.LeaseAsync(key, node, ask, options, Clock)).Reply);
        Spent(KeyOf(name), reply.Status == LeaseStatus.Answered ? Math.Min(0, ask.Debt) : 0);
        Spent(KeyOf(name), reply.Got);
        return reply;
    }

    private long[] Answer(BucketTake[] takes, long cost)
    {
        var asking = takes.Where(take => take is { Limits: not null, Outcome: TakeOutcome.NotAsked });
        var order = asking.OrderBy(take => take.IsShadow).ToArray();
        Array.ForEach(order, take => Forget(take.Name));
        var asked = Array.ConvertAll(order, take => new ScriptTake(KeyOf(take.Name), take.Limits!, take.IsShadow ? 1 : 0, cost));
        var answers = _twin.TakeAsync(asked, Clock).AsTask().GetAwaiter().GetResult();
        for (var i = 0; i < order.Length; i++)
        {
            Keep(order[i].Name, answers[i]);
            Spent(asked[i].Key, answers[i].Reply[0] == 1 ? cost : 0);
        }

        return [.. answers.SelectMany(answer => answer.Reply)];
    }

    private enum Fault
    {
        None,
        Lost,
        Late,
        AnswerLost,
        Twice,
    }

    private SimulatedWorld World { get; } = world;

    private long Delay() => 200 + random.Next(150);

    private long Late() => random.NextInt64(300_000);

    private Fault Fate() => random.Next(100) < Faults ? (Fault)random.Next(1, 5) : Fault.None;
}
