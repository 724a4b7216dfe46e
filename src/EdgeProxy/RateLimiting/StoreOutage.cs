namespace EdgeProxy.RateLimiting;

/// <summary>What policies do while the store cannot be asked.</summary>
internal static class StoreOutage
{
    /// <summary>Decides all that is undecided, see <see cref="Decide"/>: the store did not answer.</summary>
    /// <param name="hadStore">It has answered this node before.</param>
    public static void DecideAll(RateLimitVerdict verdict, MemoryBucketStore local, int nodes, bool hadStore)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take.Outcome == TakeOutcome.NotAsked)
            {
                (take.IsCutOff, take.HadStore) = (true, hadStore);
            }
        }

        Decide(verdict, local, nodes);
    }

    /// <summary>
    /// Decides what is undecided and cut off from the store by each policy's OnStoreOutage, from this node's share where that says so.
    /// </summary>
    public static void Decide(RateLimitVerdict verdict, MemoryBucketStore local, int nodes)
    {
        var isClosed = false;
        foreach (ref var take in verdict.Takes)
        {
            if (take is not { Limits: not null, Outcome: TakeOutcome.NotAsked, IsCutOff: true })
            {
                continue;
            }

            if (take.Policy.OnStoreOutage == StoreOutagePolicy.Local)
            {
                if (take.HadStore)
                {
                    local.BeginLow(take, verdict.Cost, nodes);
                }

                continue;
            }

            take.Source = DecisionSource.Local;
            var refuses = take.Policy.OnStoreOutage == StoreOutagePolicy.Closed;
            take.Outcome = refuses ? TakeOutcome.Unavailable : TakeOutcome.Admitted;
            isClosed |= refuses && !take.IsShadow;
        }

        if (isClosed)
        {
            verdict.Decide();
        }
        else
        {
            local.Take(verdict, nodes, DecisionSource.Local);
        }
    }
}
