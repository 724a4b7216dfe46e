using EdgeProxy.Redis;
using Microsoft.Extensions.Primitives;
using StackExchange.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Settles what a request really cost, as its upstream says in the field that the route's `CostHeader` names: the difference to what was
/// taken is charged or given back, in every bucket that was charged. The answer never waits for it.
/// </summary>
internal sealed class CostSettlement(MemoryBucketStore local, RateLimitMetrics metrics, RedisStore? shared)
{
    /// <summary>Most calls to the shared store under way; beyond it a settlement is lost and counted.</summary>
    private const int MostUnderWay = 4096;

    private const int LongestNumber = 10;

    private int _underWay;

    /// <summary>Looks at the answer when it starts, before the fields that tell the client of its limits are written.</summary>
    public void Expect(HttpContext context) => context.Response.OnStarting(
        static state =>
        {
            var (settlement, context) = ((CostSettlement, HttpContext))state;
            settlement.Settle(context);
            return Task.CompletedTask;
        },
        (this, context));

    /// <summary>Whole tokens from 0 to <see cref="Rate.LargestCapacity"/>, once and in digits alone.</summary>
    public static bool TryRead(StringValues values, out long tokens)
    {
        tokens = 0;
        if (values is not [{ Length: > 0 and <= LongestNumber } text])
        {
            return false;
        }

        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }

            tokens = (tokens * 10) + (digit - '0');
        }

        return tokens <= Rate.LargestCapacity;
    }

    private void Settle(HttpContext context)
    {
        var edge = context.Edge();
        var headers = context.Response.Headers;
        var name = edge.Route!.CostHeader!;
        var isThere = headers.TryGetValue(name, out var values) && values.Count > 0;
        headers.Remove(name); // between the edge and its upstream: no client learns how it is charged
        if (edge.RateLimits is { Admitted: true, HasLimits: true } verdict)
        {
            metrics.Settled(!isThere ? Settlement.Absent
                : !TryRead(values, out var tokens) ? Settlement.Invalid
                : Charge(verdict, (tokens * Rate.Token) - verdict.Cost));
        }
    }

    private Settlement Charge(RateLimitVerdict verdict, long difference)
    {
        var outcome = difference == 0 ? Settlement.Unchanged : Settlement.Settled;
        foreach (ref var take in verdict.Takes)
        {
            if (difference == 0 || take is not { Limits: { } limits, Outcome: TakeOutcome.Admitted })
            {
                continue;
            }

            if (shared is null)
            {
                local.Charge(ref take, difference, nodes: 1);
            }
            else if (take.Source == DecisionSource.Local)
            {
                ChargeShare(ref take, difference);
            }
            else if (!TryCharge(ref take, limits, difference))
            {
                outcome = Settlement.Lost;
            }
        }

        return outcome;
    }

    /// <summary>Decided during an outage: from this node's share, or, where the policy is open, from nothing.</summary>
    private void ChargeShare(ref BucketTake take, long difference)
    {
        if (take.HasLevels)
        {
            local.Charge(ref take, difference, shared!.Nodes);
        }
    }

    private bool TryCharge(ref BucketTake take, LimitSet limits, long difference)
    {
        for (var i = 0; i < limits.Rates.Length; i++)
        {
            var most = limits.Rates[i].Capacity;
            take.Levels[i] = Math.Clamp(take.Levels[i] - difference, -most, most);
        }

        var key = BucketScripts.KeyOf(take.Name);
        if (!shared!.ServerOf(key).IsUp || Volatile.Read(ref _underWay) >= MostUnderWay)
        {
            return false;
        }

        Interlocked.Increment(ref _underWay);
        _ = ChargeAsync(key, limits, difference);
        return true;
    }

    private async Task ChargeAsync(RedisKey key, LimitSet limits, long difference)
    {
        try
        {
            var arguments = new List<RedisValue>(2 + (limits.Rates.Length * 4)) { BucketScripts.Spent, difference };
            BucketScripts.Add(arguments, limits);
            var reply = await shared!.AskPatientlyAsync(
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
}

/// <summary>What came of an answer that may say what its request cost.</summary>
internal enum Settlement
{
    Settled,

    /// <summary>It cost what had been taken.</summary>
    Unchanged,

    /// <summary>The answer does not say; what had been taken stands.</summary>
    Absent,

    /// <summary>Not one whole number in range; what had been taken stands.</summary>
    Invalid,

    /// <summary>The store did not answer; what had been taken stands, or not.</summary>
    Lost,
}
