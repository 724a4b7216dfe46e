using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Buckets in a shared store, decided from leases wherever their policy allows it: without waiting while a lease lasts or while the
/// store is known to have nothing; else the request waits for one answer, which often brings a lease. What a route's policies do not
/// decide that way, <paramref name="strict"/> does in one call.
/// </summary>
/// <param name="goOn">Lets a request that has waited go on; on the thread pool unless given.</param>
internal sealed partial class LeasedBucketStore(
    LeaseNode node,
    ILeaseStore store,
    IStoreLink link,
    IAskedBucketStore strict,
    MemoryBucketStore local,
    TimeProvider time,
    Action<LeaseWaiter>? goOn = null) : IBucketStore
{
    private readonly Action<LeaseWaiter> _goOn = goOn
        ?? (static waiter => ThreadPool.UnsafeQueueUserWorkItem(waiter, preferLocal: false));

    private bool _isStopping;

    public bool TryTake(RateLimitVerdict verdict)
    {
        var now = Now();
        var undecided = TakeLeased(verdict, now);
        if (undecided > 0 && (link.IsUp || TakeCutOff(verdict, now) > 0))
        {
            return false;
        }

        End(verdict, now);
        return true;
    }

    public async ValueTask TakeAsync(RateLimitVerdict verdict)
    {
        var only = OnlyUndecided(verdict);
        if (only >= 0 && Join(verdict.Takes[only], verdict.Cost) is { } waiter)
        {
            var answer = await waiter.Answer;
            Apply(verdict, only, waiter, answer);
        }
        else
        {
            var now = Now();
            Remember(verdict, now);
            await strict.TakeAsync(verdict);
            Learn(verdict, now);
        }

        End(verdict, Now());
    }

    public ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits) => strict.LookAsync(name, limits);

    /// <summary>What this node holds goes back first, and what it knew is forgotten: here the bucket is full at once.</summary>
    public async ValueTask<BucketView?> FillAsync(BucketName name, LimitSet limits)
    {
        if (CanAsk(name) && node.Release(name, Now()) is { } holder && await AskAsync(holder) is { } next)
        {
            Run(next);
        }

        var view = await strict.FillAsync(name, limits);
        node.Forget(name);
        return view;
    }

    public bool Settle(ref BucketTake take, long difference)
    {
        if (take.Source == DecisionSource.Local)
        {
            return SettleShare(ref take, difference);
        }

        if (take.Policy.Decide == DecisionMode.Strict)
        {
            return strict.Settle(ref take, difference);
        }

        take.Levels = take.Limits!.Less(take.Levels, difference);
        var isKept = node.Settle(take, difference, Now(), !_isStopping && CanAsk(take.Name), out var toAsk);
        if (toAsk is not null)
        {
            Run(toAsk);
        }

        return isKept;
    }

    /// <summary>
    /// Asks until an answer comes in time, or it is not worth asking: what runs for the first time is late, and what is late is decided
    /// without the store. It asks for more than there is, so that nothing is written.
    /// </summary>
    public async Task WarmUpAsync()
    {
        var policy = new RateLimitPolicy { Name = "", Limits = [new Limit("", Capacity: 1, Refill: 1, TimeSpan.FromSeconds(1))] };
        var name = new BucketName(policy, BucketName.Everybody, "");
        for (var source = DecisionSource.Local; source == DecisionSource.Local && link.IsUp;)
        {
            var verdict = new RateLimitVerdict(1, cost: 2 * Rate.Token);
            verdict.Takes[0] = new BucketTake { Policy = policy, Limits = policy.Set, Name = name };
            if (!TryTake(verdict))
            {
                await TakeAsync(verdict);
            }

            source = verdict.Takes[0].Source;
        }
    }

    /// <summary>There is something that <see cref="Sweep"/> looks at.</summary>
    public bool IsHolding => node.IsHolding;

    /// <summary>Gives back leases that nobody spends from, and tells debts. Called now and then.</summary>
    public void Sweep()
    {
        if (Due() is { } due)
        {
            due.ForEach(Run);
        }
    }

    /// <summary>Gives back all that is held: the process ends.</summary>
    public Task ReturnAllAsync()
    {
        _isStopping = true;
        return Due(all: true) is { } due ? Task.WhenAll(due.Select(RunAsync)) : Task.CompletedTask;
    }

    private List<LeaseHolder>? Due(bool all = false) => link.IsPartlyUp ? node.Sweep(Now(), all, link.IsUp ? null : CanAsk) : null;

    /// <summary>Decides what the node can decide by itself. Returns how many policies are left undecided.</summary>
    private int TakeLeased(RateLimitVerdict verdict, long now)
    {
        var undecided = 0;
        var takes = verdict.Takes;
        for (var i = 0; i < takes.Length; i++)
        {
            ref var take = ref takes[i];
            if (!take.IsShadow && !TakeLeased(ref take, verdict.Cost, now, ref undecided))
            {
                return 0;
            }
        }

        // Policies in shadow are asked only once all others admit; the store does so by itself.
        for (var i = 0; i < takes.Length && undecided == 0; i++)
        {
            if (takes[i].IsShadow)
            {
                TakeLeased(ref takes[i], verdict.Cost, now, ref undecided);
            }
        }

        return undecided;
    }

    /// <summary>False: refused.</summary>
    private bool TakeLeased(ref BucketTake take, long cost, long now, ref int undecided)
    {
        if (take.Limits is null)
        {
            (take.Source, take.Outcome) = (DecisionSource.Unlimited, TakeOutcome.Admitted);
            return true;
        }

        if (take.Policy.Decide == DecisionMode.Strict)
        {
            undecided++;
            return true;
        }

        var answer = node.TryTake(ref take, cost, now, out var isDue);
        if (isDue && CanAsk(take.Name))
        {
            Renew(take, now);
        }

        undecided += answer == LeaseAnswer.Unknown ? 1 : 0;
        return answer != LeaseAnswer.Refused;
    }

    private void Renew(in BucketTake take, long now)
    {
        if (!_isStopping && node.Renew(take, now) is { } holder)
        {
            Run(holder);
        }
    }

    private LeaseWaiter? Join(in BucketTake take, long cost)
    {
        if (take.Policy.Decide == DecisionMode.Strict || _isStopping)
        {
            return null;
        }

        var now = Now();
        var waiter = node.Join(take, new LeaseWaiter(cost, time.GetTimestamp()), now, out var toAsk);
        if (waiter is { IsSettled: false })
        {
            link.Watch(waiter);
        }

        if (toAsk is not null)
        {
            Run(toAsk);
        }

        return waiter;
    }

    private void Apply(RateLimitVerdict verdict, int index, LeaseWaiter waiter, LeaseAnswer answer)
    {
        ref var take = ref verdict.Takes[index];
        if (answer == LeaseAnswer.Unknown)
        {
            ApplyLate(verdict, ref take, waiter, Now());
            return;
        }

        (take.Source, take.Levels, take.HasLevels) = (waiter.Source, waiter.Levels, true);
        take.Generation = -1; // of a lease that nothing can be given back to
        take.Outcome = answer == LeaseAnswer.Admitted ? TakeOutcome.Admitted : TakeOutcome.Refused;
    }

    /// <summary>What the store said of single requests is remembered; a lease is asked for where there are many.</summary>
    private void Learn(RateLimitVerdict verdict, long askedAt)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take is { HasLevels: true, Source: DecisionSource.Store, Policy.Decide: DecisionMode.Leased })
            {
                node.Learn(take, askedAt);
                Renew(take, askedAt);
            }
        }
    }

    private static int OnlyUndecided(RateLimitVerdict verdict)
    {
        var only = -1;
        var takes = verdict.Takes;
        for (var i = 0; i < takes.Length; i++)
        {
            if (takes[i].Outcome == TakeOutcome.NotAsked)
            {
                if (only >= 0)
                {
                    return -1;
                }

                only = i;
            }
        }

        return only;
    }

    private void Run(LeaseHolder holder) => _ = RunAsync(holder);

    /// <summary>Asks until nobody waits at the holder any more. Never throws.</summary>
    private async Task RunAsync(LeaseHolder holder)
    {
        for (LeaseHolder? next = holder; next is not null;)
        {
            next = await AskAsync(next);
        }
    }

    /// <summary>Asks once. Returns the holder if somebody waits there again.</summary>
    private async Task<LeaseHolder?> AskAsync(LeaseHolder holder)
    {
        var ask = holder.Ask;
        if (holder.DebtTold > 0)
        {
            ask = ask with { Deficit = local.Deficit(holder.Name, ask.Limits, link.Nodes, holder.DebtTold) };
        }

        var reply = await store.AskAsync(holder.Name, ask);
        var now = Now();
        var decided = node.End(holder, reply, now);
        var next = node.Follow(holder, now);
        decided?.ForEach(_goOn);
        return next;
    }

    private long Now() => MemoryBucketStore.Micros(time);
}
