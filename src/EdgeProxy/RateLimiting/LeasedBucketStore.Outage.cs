namespace EdgeProxy.RateLimiting;

/// <content>What is decided while the store, or the server of it that keeps a bucket, cannot be asked.</content>
internal sealed partial class LeasedBucketStore
{
    private bool CanAsk(in BucketName name) =>
        link.IsUp || (link.IsPartlyUp && link.IsUpAt(link.PlaceOf(BucketScripts.KeyOf(name, link.KeyPrefix))));

    private bool CanAsk(LeaseHolder holder)
    {
        if (holder.Place < 0)
        {
            holder.Place = link.PlaceOf(BucketScripts.KeyOf(holder.Name, link.KeyPrefix));
        }

        return link.IsUpAt(holder.Place);
    }

    /// <summary>Decides what the store cannot be asked about. Returns how many policies are left; 0 too when one refused.</summary>
    private int TakeCutOff(RateLimitVerdict verdict, long now)
    {
        var (left, cutOff) = (0, 0);
        foreach (ref var take in verdict.Takes)
        {
            if (take.Outcome == TakeOutcome.NotAsked)
            {
                take.IsCutOff = take.Limits is null || !CanAsk(take.Name);
                (left, cutOff) = take.IsCutOff ? (left, cutOff + 1) : (left + 1, cutOff);
            }
        }

        if (cutOff > 0)
        {
            Degrade(verdict, now);
        }

        return cutOff == 0 || verdict.Admitted ? left : 0;
    }

    /// <summary>Several buckets are asked about in one call: should its answer be late, they go on from what the store said last.</summary>
    private void Remember(RateLimitVerdict verdict, long now)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take.Outcome == TakeOutcome.NotAsked && IsOwed(take)
                && node.Recall(ref take, now, isLate: true, link.Nodes, out var toldAt))
            {
                local.Learn(take, link.Nodes, toldAt);
            }
        }
    }

    /// <summary>The request has waited long enough: what has come by now decides, else what is done without the store.</summary>
    private void ApplyLate(RateLimitVerdict verdict, ref BucketTake take, LeaseWaiter waiter, long now)
    {
        if (node.IsPaid(ref take, waiter, now))
        {
            (take.Source, take.Outcome, take.Generation) = (DecisionSource.Store, TakeOutcome.Admitted, -1);
            return;
        }

        take.Waiter = waiter;
        if (node.TryTake(ref take, verdict.Cost, now, out _, isAgain: true) == LeaseAnswer.Unknown)
        {
            take.IsCutOff = true;
            Degrade(verdict, now);
        }
    }

    /// <summary>A bucket that is cut off goes on from this node's share of what the store said last; what is admitted so is owed.</summary>
    private void Degrade(RateLimitVerdict verdict, long now)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take is { Outcome: TakeOutcome.NotAsked, IsCutOff: true } && IsOwed(take))
            {
                take.HadStore = link.HasAnswered;
                GoOn(ref take, verdict.Cost, now, isLate: CanAsk(take.Name));
            }
        }

        StoreOutage.Decide(verdict, local, link.Nodes);
    }

    private void GoOn(ref BucketTake take, long cost, long now, bool isLate)
    {
        if (!node.Recall(ref take, now, isLate, link.Nodes, out var toldAt))
        {
            return;
        }

        var share = take.Limits!.Share(take.Levels, link.Nodes);
        if (isLate && !take.Limits.Cover(share, cost))
        {
            (take.Source, take.Outcome, take.Levels, take.HasLevels) = (DecisionSource.Local, TakeOutcome.Refused, share, true);
            return; // an outage, should it begin now, goes on from more
        }

        local.Learn(take, link.Nodes, toldAt, standsStill: isLate ? 0 : LeaseTerms.Unsure);
    }

    /// <summary>Sums up. Where one policy refused, what others took goes back; else what the store has not heard of is owed.</summary>
    private void End(RateLimitVerdict verdict, long now)
    {
        verdict.Decide();
        foreach (ref var take in verdict.Takes)
        {
            if (take.Outcome == TakeOutcome.Admitted && (verdict.Admitted || take.IsShadow))
            {
                if (take.Source == DecisionSource.Local && IsOwed(take))
                {
                    node.Owe(take, verdict.Cost, now);
                }
                else if (take is { Source: DecisionSource.Lease, Waiter: { } unneeded })
                {
                    node.Decline(take, unneeded, now);
                }

                continue;
            }

            if (take.Outcome == TakeOutcome.Admitted)
            {
                GiveBack(ref take, verdict.Cost);
            }

            if (take.Waiter is { } waiter)
            {
                node.Decline(take, waiter, now);
            }
        }
    }

    private void GiveBack(ref BucketTake take, long cost)
    {
        if (take.Source == DecisionSource.Lease)
        {
            node.GiveBack(ref take, cost);
        }
        else if (take is { Source: DecisionSource.Local, HasLevels: true })
        {
            local.Charge(ref take, -cost, link.Nodes);
            take.Outcome = TakeOutcome.GivenBack;
        }
    }

    /// <summary>What a request decided without the store really cost: this node's share, and what is owed for it.</summary>
    private bool SettleShare(ref BucketTake take, long difference)
    {
        if (take.HasLevels)
        {
            local.Charge(ref take, difference, link.Nodes);
        }

        return !IsOwed(take) || node.OweMore(take, difference, Now());
    }

    private static bool IsOwed(in BucketTake take) =>
        take is { Limits: not null, Policy: { Decide: DecisionMode.Leased, OnStoreOutage: StoreOutagePolicy.Local } };
}
