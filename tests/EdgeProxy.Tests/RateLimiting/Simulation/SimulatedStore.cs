using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>The network and the store between the nodes of a simulation: delays, a pause, and each node's breaker.</summary>
internal sealed class SimulatedStore(SimulatedWorld world, LeaseOptions options)
{
    private const long Deadline = 5000;

    private readonly BucketTwin _twin = new();
    private readonly Random _random = new(17);

    /// <summary>Told what was spent in the store for waiting requests, when it was.</summary>
    public required Action<long> Spent { get; init; }

    public long Calls { get; private set; }

    /// <summary>From when to when the store does not answer; questions of that time are answered after it.</summary>
    public (long From, long To) Pause { get; init; }

    public Link LinkOf(int node, int nodes) => new(this, node) { Nodes = nodes };

    private long Delay() => 200 + _random.Next(150);

    private LeaseReply Answer(int node, LeaseAsk ask) => RedisLeaseStore.ReplyOf(
        _twin.LeaseAsync("bucket", $"n{node}", ask, options, World.Now).AsTask().GetAwaiter().GetResult().Reply);

    private bool IsPaused(long at) => at >= Pause.From && at < Pause.To;

    /// <summary>One node's way to the store.</summary>
    internal sealed class Link(SimulatedStore store, int node) : ILeaseStore, IStoreLink
    {
        private readonly StoreBreaker _breaker = Closed();
        private readonly List<Action> _waiting = [];

        public bool IsUp => !_breaker.IsOpen;

        public bool IsPartlyUp => IsUp;

        public bool HasAnswered => true;

        public required int Nodes { get; init; }

        public int PlaceOf(RedisKey key) => -1;

        public bool IsUpAt(int place) => IsUp;

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
            if (!IsUp)
            {
                return new(new StoreReply<LeaseReply>(StoreMiss.Connection, default));
            }

            store.Calls++;
            var reply = new TaskCompletionSource<StoreReply<LeaseReply>>();
            var told = ask;
            void Run()
            {
                if (store.IsPaused(store.World.Now))
                {
                    store.World.In(store.Pause.To - store.World.Now, Run);
                    return;
                }

                var answer = store.Answer(node, told);
                store.Spent(answer.Got);
                store.World.In(store.Delay(), () => End(reply, new StoreReply<LeaseReply>(StoreMiss.None, answer)));
            }

            void Miss() => End(reply, new StoreReply<LeaseReply>(StoreMiss.Deadline, default));
            _waiting.Add(Miss);
            store.World.In(store.Delay(), Run);
            store.World.In(Deadline, () =>
            {
                _waiting.Remove(Miss);
                Miss();
            });
            return new(reply.Task);
        }

        private static StoreBreaker Closed()
        {
            var breaker = new StoreBreaker();
            breaker.Close();
            return breaker;
        }

        private void End(TaskCompletionSource<StoreReply<LeaseReply>> task, StoreReply<LeaseReply> reply)
        {
            if (task.Task.IsCompleted)
            {
                return;
            }

            var opened = _breaker.Note(reply.IsAnswered);
            task.SetResult(reply);
            if (opened)
            {
                _waiting.ToList().ForEach(giveUp => giveUp());
                _waiting.Clear();
                Probe(200_000);
            }
        }

        private void Probe(long wait) => store.World.In(wait, () =>
        {
            if (store.IsPaused(store.World.Now))
            {
                Probe(Math.Min(wait * 3 / 2, 1_000_000));
            }
            else
            {
                _breaker.Close();
            }
        });
    }

    private SimulatedWorld World { get; } = world;
}
