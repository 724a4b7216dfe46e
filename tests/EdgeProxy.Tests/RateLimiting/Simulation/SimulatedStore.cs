using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>The network and the store between the nodes of a simulation: delays, a pause, and each node's breaker.</summary>
internal sealed class SimulatedStore(SimulatedWorld world, LeaseOptions options, int seed = 17)
{
    private const long Deadline = 5000;

    /// <summary>After so long an answer is of no use.</summary>
    private const long Patience = 1_000_000;

    private readonly BucketTwin _twin = new();
    private readonly Random _random = new(seed);

    public long Calls { get; private set; }

    /// <summary>From when to when the store does not answer; questions of that time are answered after it.</summary>
    public (long From, long To) Pause { get; init; }

    /// <summary>Which fraction of the questions, and of the answers, is late: by 5 to 40 ms.</summary>
    public double Late { get; init; }

    public Link LinkOf(int node, int nodes) => new(this, node) { Nodes = nodes };

    private long Delay() => (Late > 0 && _random.NextDouble() < Late ? 5000 + _random.Next(35_000) : 200) + _random.Next(150);

    private LeaseReply Answer(int node, LeaseAsk ask) => RedisLeaseStore.ReplyOf(
        _twin.LeaseAsync("bucket", $"n{node}", ask, options, World.Now).AsTask().GetAwaiter().GetResult().Reply);

    private bool IsPaused(long at) => at >= Pause.From && at < Pause.To;

    /// <summary>One node's way to the store.</summary>
    internal sealed class Link(SimulatedStore store, int node) : ILeaseStore, IStoreLink
    {
        private readonly StoreBreaker _breaker = Closed();
        private readonly List<Action> _waiting = [];
        private bool _isProbing;

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
            var isNoted = false;
            void Run()
            {
                if (store.IsPaused(store.World.Now))
                {
                    store.World.In(store.Pause.To - store.World.Now, Run);
                    return;
                }

                var answer = store.Answer(node, told);
                store.World.In(store.Delay(), () =>
                {
                    Note(isAnswered: true);
                    reply.TrySetResult(new StoreReply<LeaseReply>(StoreMiss.None, answer));
                });
            }

            void Note(bool isAnswered)
            {
                if (!isNoted)
                {
                    isNoted = true;
                    NoteEnd(isAnswered);
                }
            }

            void Miss() => reply.TrySetResult(new StoreReply<LeaseReply>(StoreMiss.Deadline, default));
            _waiting.Add(Miss);
            store.World.In(store.Delay(), Run);
            store.World.In(Deadline, () => Note(isAnswered: false));
            store.World.In(Patience, () =>
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

        private void NoteEnd(bool isAnswered)
        {
            if (_breaker.Note(isAnswered))
            {
                _waiting.ToList().ForEach(giveUp => giveUp());
                _waiting.Clear();
            }

            if (!isAnswered && !_isProbing)
            {
                _isProbing = true;
                Probe(200_000);
            }
        }

        /// <summary>Asks at once when a question has been in vain, then now and then, and again when an answer was late.</summary>
        private void Probe(long wait)
        {
            if (store.IsPaused(store.World.Now))
            {
                store.World.In(Deadline, () => NoteEnd(isAnswered: false));
                store.World.In(wait, () => Probe(Math.Min(wait * 3 / 2, 1_000_000)));
                return;
            }

            var takes = store.Delay() + store.Delay();
            store.World.In(Math.Min(takes, Deadline), () =>
            {
                _isProbing = takes > Deadline;
                if (_isProbing)
                {
                    NoteEnd(isAnswered: false);
                    store.World.In(takes - Deadline, () => Probe(wait));
                }
                else
                {
                    _breaker.Close();
                }
            });
        }
    }

    private SimulatedWorld World { get; } = world;
}
