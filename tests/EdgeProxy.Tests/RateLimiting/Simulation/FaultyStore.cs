using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>
/// The network and the store between nodes, at their worst: questions lost, late or executed twice, answers lost or late, pauses, a
/// clock that is put back. Keys live no longer than the script said.
/// </summary>
internal sealed class FaultyStore(SimulatedWorld world, LeaseOptions options, Random random)
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

    /// <summary>One node's way to the store, which decides single requests as the product does.</summary>
    internal sealed class Link(FaultyStore store, string node, MemoryBucketStore local, TimeProvider time)
        : ILeaseStore, IStoreLink, IAskedBucketStore
    {
        private readonly StoreBreaker _breaker = Closed();
        private readonly List<Action> _waiting = [];
        private readonly Dictionary<string, List<(long SentAt, LimitSet Limits, Levels Levels)>> _told = [];

        public bool IsUp => !_breaker.IsOpen;

        public bool IsPartlyUp => IsUp;

        public bool HasAnswered => true;

        public required int Nodes { get; init; }

        public int PlaceOf(RedisKey key) => -1;

        public bool IsUpAt(int place) => IsUp;

        /// <summary>
        /// Whether an answer says that <paramref name="cost"/> tokens cannot be there now: less than a second old and too little left, or
        /// a tenth of a second old at most, while tokens are scarce.
        /// </summary>
        public bool HasSaidNo(BucketName name, long cost)
        {
            var now = time.GetTimestamp();
            return _told.GetValueOrDefault(KeyOf(name)) is { } told
                && told.FindLastIndex(one => IsNo(one.Limits, one.Levels, now - one.SentAt, cost)) >= 0;
        }

        public void Watch(StoreCall call)
        {
            var waiter = (LeaseWaiter)call;
            void Expire()
            {
                if (waiter.TryDecide(LeaseAnswer.Unknown, default, DecisionSource.Store))
                {
                    waiter.GoOn();
                }
            }

            _waiting.Add(Expire);
            store.World.In(Deadline, () =>
            {
                _waiting.Remove(Expire);
                Expire();
            });
        }

        public ValueTask<StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask)
        {
            var (told, sentAt) = (ask, time.GetTimestamp());
            return new(CallAsync(() => store.Answer(node, name, told), Patience, reply =>
            {
                if (reply.Status == LeaseStatus.Answered)
                {
                    Note(name, sentAt, told.Limits, reply.Levels);
                }
            }));
        }

        public async ValueTask TakeAsync(RateLimitVerdict verdict)
        {
            var takes = verdict.Takes.ToArray();
            var (call, sentAt) = (new BucketCall(null!, takes, verdict.Cost), time.GetTimestamp());
            var reply = await CallAsync(() => store.Answer(takes, verdict.Cost), patience: 0, _ => { });
            if (!reply.IsAnswered)
            {
                StoreOutage.DecideAll(verdict, local, Nodes, hadStore: true);
                return;
            }

            call.Apply(verdict, reply.Value!);
            foreach (ref var take in verdict.Takes)
            {
                if (take is { HasLevels: true, Source: DecisionSource.Store })
                {
                    Note(take.Name, sentAt, take.Limits!, take.Levels);
                }
            }
        }

        public bool Settle(ref BucketTake take, long difference)
        {
            var (name, charge) = (take.Name, new ScriptTake(KeyOf(take.Name), take.Limits!, BucketScripts.Spent, difference));
            _ = CallAsync(() => store.Run(name, _ => store.Charge(charge)), patience: 0, _ => { });
            return true;
        }

        public ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits) => default;

        public ValueTask<BucketView?> FillAsync(BucketName name, LimitSet limits) => default;

        private void Note(BucketName name, long sentAt, LimitSet limits, in Levels levels)
        {
            var told = _told.TryGetValue(KeyOf(name), out var before) ? before : _told[KeyOf(name)] = [];
            told.Add((sentAt, limits, levels));
            if (told.Count > 1000)
            {
                told.RemoveRange(0, 500);
            }
        }

        private static bool IsNo(LimitSet limits, Levels levels, long age, long cost)
        {
            var isShort = false;
            for (var i = 0; i < limits.Rates.Length; i++)
            {
                isShort |= limits.Rates[i].Refill(levels[i], age) < cost;
            }

            return age <= 100_000 || (age < 1_000_000 && isShort);
        }

        private Task<StoreReply<T>> CallAsync<T>(Func<T> execute, long patience, Action<T> answered)
        {
            if (!IsUp)
            {
                return Task.FromResult(new StoreReply<T>(StoreMiss.Connection, default));
            }

            var reply = new TaskCompletionSource<StoreReply<T>>();
            var isNoted = false;
            void End(StoreMiss miss)
            {
                if (!isNoted)
                {
                    isNoted = true;
                    NoteEnd(miss == StoreMiss.None);
                }
            }

            void Run(bool isAnswerLost)
            {
                if (store.IsPaused)
                {
                    store.World.In(store.PausedUntil - store.World.Now, () => Run(isAnswerLost));
                    return;
                }

                var answer = execute();
                store.World.In(store.Delay(), () =>
                {
                    if (!isAnswerLost && !reply.Task.IsCompleted)
                    {
                        End(StoreMiss.None);
                        answered(answer);
                        reply.SetResult(new StoreReply<T>(StoreMiss.None, answer));
                    }
                });
            }

            var fate = store.Fate();
            if (fate != Fault.Lost)
            {
                store.World.In(fate == Fault.Late ? store.Late() : store.Delay(), () => Run(fate == Fault.AnswerLost));
            }

            if (fate == Fault.Twice)
            {
                store.World.In(store.Late(), () => Run(isAnswerLost: true));
            }

            store.World.In(Deadline, () => End(StoreMiss.Deadline));
            store.World.In(Deadline + patience, () => reply.TrySetResult(new StoreReply<T>(StoreMiss.Deadline, default)));
            return reply.Task;
        }

        private static StoreBreaker Closed()
        {
            var breaker = new StoreBreaker();
            breaker.Close();
            return breaker;
        }

        private void NoteEnd(bool isAnswered)
        {
            if (_breaker.Note(isAnswered))
            {
                _waiting.ToList().ForEach(giveUp => giveUp());
                _waiting.Clear();
                Probe(200_000);
            }
        }

        private void Probe(long wait) => store.World.In(wait, () =>
        {
            if (store.IsPaused)
            {
                Probe(Math.Min(wait * 3 / 2, 1_000_000));
            }
            else
            {
                _breaker.Close();
            }
        });
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
