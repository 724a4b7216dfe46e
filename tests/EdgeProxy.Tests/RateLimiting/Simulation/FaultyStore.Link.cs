using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <content>Seen from a node.</content>
internal sealed partial class FaultyStore
{
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
}
