using EdgeProxy.Redis;
using StackExchange.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Buckets in Redis, shared by all nodes: one round trip decides all limits of a request, by Redis's clock. When it does not
/// answer in time, each policy does what its OnStoreOutage says; while the breaker is open, without asking.
/// </summary>
internal sealed class RedisBucketStore(RedisStore store, MemoryBucketStore local, RateLimitMetrics metrics) : IAskedBucketStore
{
    /// <summary>Most settlements under way; beyond it one is lost.</summary>
    private const int MostUnderWay = 4096;

    private int _underWay;

    public async ValueTask TakeAsync(RateLimitVerdict verdict)
    {
        var call = new BucketCall(store, verdict.Takes.ToArray(), verdict.Cost, store.KeyPrefix).Plan();
        var reply = await store.AskAsync(call.First, static (database, call) => call.RunAsync(database), call, call.Turn);
        if (reply.IsAnswered)
        {
            call.Apply(verdict, reply.Value!);
            Learn(verdict);
        }
        else
        {
            Degrade(verdict);
        }
    }

    public ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits) => LookAsync(name, limits, fill: false);

    public async ValueTask<BucketView?> FillAsync(BucketName name, LimitSet limits)
    {
        await local.FillAsync(name, limits);
        return await LookAsync(name, limits, fill: true);
    }

    public bool Settle(ref BucketTake take, long difference)
    {
        if (take.Source == DecisionSource.Local)
        {
            if (take.HasLevels)
            {
                local.Charge(ref take, difference, store.Nodes);
            }

            return true;
        }

        take.Levels = take.Limits!.Less(take.Levels, difference);
        var key = BucketScripts.KeyOf(take.Name, store.KeyPrefix);
        if (!store.ServerOf(key).IsUp || Volatile.Read(ref _underWay) >= MostUnderWay)
        {
            return false;
        }

        Interlocked.Increment(ref _underWay);
        _ = ChargeAsync(key, take.Limits, difference);
        return true;
    }

    private async Task ChargeAsync(RedisKey key, LimitSet limits, long difference)
    {
        try
        {
            var arguments = new List<RedisValue>(2 + (limits.Rates.Length * 4)) { BucketScripts.Spent, difference };
            BucketScripts.Add(arguments, limits);
            var reply = await store.AskPatientlyAsync(
                static (database, call) => BucketScripts.Take.AskAsync(database, [call.Key], call.Arguments),
                (Key: key, Arguments: arguments.ToArray()));
            if (!reply.IsAnswered)
            {
                metrics.Settled(Settlement.Lost);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private async ValueTask<BucketView?> LookAsync(BucketName name, LimitSet limits, bool fill)
    {
        var arguments = new List<RedisValue> { fill ? 1 : 0 };
        BucketScripts.Add(arguments, limits);
        var reply = await store.AskPatientlyAsync(
            static (database, call) => BucketScripts.Look.AskAsync(database, [call.Key], call.Arguments),
            (Key: BucketScripts.KeyOf(name, store.KeyPrefix), Arguments: arguments.ToArray()));
        return reply.Value is { } answer
            ? new BucketView(BucketScripts.LevelsOf(answer.AsSpan(3)), answer[0], (int)answer[1])
            : null;
    }

    /// <summary>Levels are remembered, so that an outage goes on where the shared bucket stood.</summary>
    private void Learn(RateLimitVerdict verdict)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take is { HasLevels: true, Source: DecisionSource.Store } && take.Policy.OnStoreOutage == StoreOutagePolicy.Local)
            {
                local.Learn(take, store.Nodes, toldAt: long.MaxValue);
            }
        }
    }

    private void Degrade(RateLimitVerdict verdict) => StoreOutage.DecideAll(verdict, local, store.Nodes, store.HasAnswered);
}
