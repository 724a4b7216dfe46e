using EdgeProxy.RateLimiting;
using EdgeProxy.Redis;
using EdgeProxy.Tests.RateLimiting.Simulation;
using StackExchange.Redis;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>A request has waited as long as it may, and the store answers before it goes on.</summary>
public sealed class LateRequestTests
{
    private const int Capacity = 1000;

    private readonly SimulatedWorld _world = new();
    private readonly HeldLink _link;
    private readonly LeasedBucketStore _store;
    private readonly RateLimitPolicy _policy = Limits.Policy(Limits.Of(Capacity, 1, 86_400));
    private int _admitted;

    public LateRequestTests()
    {
        _link = new HeldLink(_world);
        var node = new LeaseNode(LeaseOptions.Default, most: 64, stripes: 1);
        var local = new MemoryBucketStore(_world.Time, most: 64, stripes: 1);
        _store = new LeasedBucketStore(node, _link, _link, local, local, _world.Time, waiter => waiter.GoOn());
    }

    [Fact]
    public async Task It_has_what_the_store_spent_for_it_or_spends_from_the_lease()
    {
        var (late, waiter) = await LateAsync();
        var second = Limits.Verdict(Limits.Take(_policy, "acme"));
        var asked = _store.TakeAsync(second); // the question is on its way, and has not this one's cost
        var unasked = _link.Waiter!;
        Assert.True(unasked.TryDecide(LeaseAnswer.Unknown, default, DecisionSource.Store));
        _link.Answer();
        waiter.GoOn();
        unasked.GoOn();
        await asked;

        Assert.Equal((true, DecisionSource.Store), (late.Admitted, late.Takes[0].Source));
        Assert.Equal((true, DecisionSource.Lease), (second.Admitted, second.Takes[0].Source));
        await _store.ReturnAllAsync();
        Assert.Equal(0, _link.Reply.Outstanding);
        Assert.Equal(Capacity - _admitted - 2, _link.Reply.Levels[0] / Rate.Token);
    }

    [Fact]
    public async Task What_the_store_spends_for_one_that_the_lease_has_served_goes_back()
    {
        var (_, first) = await LateAsync();
        _link.Answer();
        first.GoOn();
        _admitted++;
        RenewEarly();

        // All of the lease, once the answer to that question is here: it has a question of its own as well.
        var cost = (_link.Ask.Unspent + _link.Ask.Want) / Rate.Token;
        var late = Limits.Verdict(cost, [Limits.Take(_policy, "acme")]);
        Assert.False(_store.TryTake(late));
        var asked = _store.TakeAsync(late);
        var waiter = _link.Waiter!;
        _link.Answer();
        Assert.Equal(cost * Rate.Token, _link.Ask.Need);
        Assert.True(waiter.TryDecide(LeaseAnswer.Unknown, default, DecisionSource.Store));
        waiter.GoOn();
        await asked;
        Assert.Equal((true, DecisionSource.Lease), (late.Admitted, late.Takes[0].Source));

        _link.Answer();
        Assert.Equal(cost * Rate.Token, _link.Reply.Got);
        _link.HoldsAll = false;
        await _store.ReturnAllAsync();
        Assert.Equal(0, _link.Reply.Outstanding);
        Assert.Equal(Capacity - _admitted - cost, _link.Reply.Levels[0] / Rate.Token);
    }

    [Fact]
    public async Task It_is_refused_when_the_store_has_said_that_there_is_nothing()
    {
        var (late, waiter) = await LateAsync();
        _link.TakeAll(_policy.Set);
        _link.Answer();
        waiter.GoOn();

        Assert.Equal((false, DecisionSource.DenyCache), (late.Admitted, late.Takes[0].Source));
    }

    /// <summary>The first request that is asked for together with a lease; its waiting is over.</summary>
    private async Task<(RateLimitVerdict Verdict, LeaseWaiter Waiter)> LateAsync()
    {
        while (true)
        {
            _world.RunUntil(_world.Now + 1000);
            var verdict = Limits.Verdict(Limits.Take(_policy, "acme"));
            Assert.False(_store.TryTake(verdict));
            var asked = _store.TakeAsync(verdict);
            if (_link.Ask.Want > 0)
            {
                Assert.True(_link.Waiter!.TryDecide(LeaseAnswer.Unknown, default, DecisionSource.Store));
                return (verdict, _link.Waiter);
            }

            _link.Answer();
            await asked;
            Assert.Equal((true, DecisionSource.Store), (verdict.Admitted, verdict.Takes[0].Source));
            _admitted++;
        }
    }

    /// <summary>Requests, until the lease is being renewed while some of it is left: the answers come slowly.</summary>
    private void RenewEarly()
    {
        _link.HoldsAll = true;
        while (_link.Ask.Unspent == 0)
        {
            _world.RunUntil(_world.Now + 1000);
            Assert.True(_store.TryTake(Limits.Verdict(Limits.Take(_policy, "acme"))));
            _admitted++;
            if (_link.IsAsked && _link.Ask.Unspent == 0)
            {
                _world.RunUntil(_world.Now + 4000);
                _link.Answer();
            }
        }
    }

    /// <summary>A way to the store on which answers come when the test says so; what nobody waits for comes at once, unless told.</summary>
    private sealed class HeldLink(SimulatedWorld world) : ILeaseStore, IStoreLink
    {
        private readonly BucketTwin _twin = new();
        private TaskCompletionSource<StoreReply<LeaseReply>>? _reply;

        public bool HoldsAll { get; set; }

        public bool IsAsked => _reply is { Task.IsCompleted: false };

        public LeaseAsk Ask { get; private set; }

        public LeaseReply Reply { get; private set; }

        public LeaseWaiter? Waiter { get; private set; }

        public bool IsUp => true;

        public bool IsPartlyUp => true;

        public bool HasAnswered => true;

        public int Nodes => 1;

        public int PlaceOf(RedisKey key) => -1;

        public bool IsUpAt(int place) => true;

        public void Watch(StoreCall call) => Waiter = (LeaseWaiter)call;

        public ValueTask<StoreReply<LeaseReply>> AskAsync(BucketName name, in LeaseAsk ask)
        {
            Ask = ask;
            _reply = new();
            var asked = _reply.Task;
            if (ask.Need == 0 && !HoldsAll)
            {
                Answer();
            }

            return new(asked);
        }

        public void Answer()
        {
            Reply = Tell("here", Ask);
            _reply!.SetResult(new StoreReply<LeaseReply>(StoreMiss.None, Reply));
        }

        public void TakeAll(LimitSet limits)
        {
            var ask = new LeaseAsk(limits, Capacity * Rate.Token, Rate.Token, 0, 0, 1, 0, 0, 0, 0, default, Known: false);
            Assert.True(Tell("elsewhere", ask).Got > 0);
        }

        private LeaseReply Tell(string node, LeaseAsk ask) => RedisLeaseStore.ReplyOf(
            _twin.LeaseAsync("bucket", node, ask, LeaseOptions.Default, world.Now).AsTask().GetAwaiter().GetResult().Reply);
    }
}
