using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Settles what a request really cost, as its upstream says in the field that the route's `CostHeader` names: the difference to what was
/// taken is charged or given back, in every bucket that was charged. The response never waits for it. A client that leaves before the
/// head pays the highest cost that its route reported in the last minute, so that leaving early is never cheaper.
/// </summary>
internal sealed class CostSettlement(IBucketStore store, RateLimitMetrics metrics, Revisions revisions, ReportedCosts reported)
{
    private const int LongestNumber = 10;

    /// <summary>
    /// Looks at the response when it starts, before the fields that tell the client of its limits are written. A response that never
    /// starts is settled when the request ends.
    /// </summary>
    public void Expect(HttpContext context)
    {
        var pending = new Pending(this, context);
        context.Response.OnStarting(static pending => ((Pending)pending).SettleAsync(), pending);
        context.Response.OnCompleted(static pending => ((Pending)pending).SettleAsync(), pending);
    }

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
        var route = edge.Route!;
        var headers = context.Response.Headers;
        StringValues values = default;
        var isThere = !context.Response.HasStarted && headers.TryGetValue(route.CostHeader!, out values) && values.Count > 0;
        if (isThere)
        {
            headers.Remove(route.CostHeader!); // between the edge and its upstream: no client learns how it is charged
        }

        if (edge.RateLimits is not { Admitted: true, HasLimits: true } verdict)
        {
            return;
        }

        if (isThere)
        {
            metrics.Settled(TryRead(values, out var tokens) ? ChargeReported(verdict, context, edge, tokens) : Settlement.Invalid);
        }
        else
        {
            metrics.Settled(HasLeftBeforeHead(context, edge) ? ChargeAbandoned(verdict, context, edge) : Settlement.Absent);
        }
    }

    private Settlement ChargeReported(RateLimitVerdict verdict, HttpContext context, EdgeContext edge, long tokens)
    {
        var cost = Math.Min(tokens * Rate.Token, edge.Route!.MaxCost);
        reported.Note(edge.Route.RouteId, cost);
        return Charge(verdict, context, edge, cost - verdict.Cost);
    }

    /// <summary>At least what was taken, and no more than `MaxCost`: a bucket's own bound holds for the rest.</summary>
    private Settlement ChargeAbandoned(RateLimitVerdict verdict, HttpContext context, EdgeContext edge)
    {
        var cost = Math.Min(reported.HighestOf(edge.Route!.RouteId), edge.Route.MaxCost);
        var charged = Charge(verdict, context, edge, Math.Max(0, cost - verdict.Cost));
        return charged == Settlement.Lost ? charged : Settlement.Abandoned;
    }

    /// <summary>The request has been sent to a destination, and its client did not wait for the head of the response.</summary>
    private static bool HasLeftBeforeHead(HttpContext context, EdgeContext edge) =>
        edge.SentTo is not null && context.RequestAborted.IsCancellationRequested && !context.IsPastDeadline();

    private Settlement Charge(RateLimitVerdict verdict, HttpContext context, EdgeContext edge, long difference)
    {
        var outcome = difference == 0 ? Settlement.Unchanged : Settlement.Settled;
        // YARP routes by a new revision a moment before it is the current one.
        var now = ReferenceEquals(edge.Revision, revisions.Offered) ? edge.Revision : revisions.Current;
        var known = ReferenceEquals(now, edge.Revision) || edge.Client.IsAnonymous ? null : now.Clients.Find(edge.Client.Id);
        var client = known ?? edge.Client; // in another plan, perhaps
        foreach (ref var take in verdict.Takes)
        {
            if (difference == 0 || take is not { Limits: not null, Outcome: TakeOutcome.Admitted })
            {
                continue;
            }

            var isKept = ReferenceEquals(now, edge.Revision)
                ? store.Settle(ref take, difference)
                : ChargeAnew(ref take, context, edge, client, difference, now);
            outcome = isKept ? outcome : Settlement.Lost;
        }

        return outcome;
    }

    /// <summary>
    /// The request began before a reload. Its bucket is kept under the limits of now: written under those of then, it would lose what
    /// has been taken under a limit that is new, and be full again.
    /// </summary>
    private bool ChargeAnew(
        ref BucketTake take, HttpContext context, EdgeContext edge, Client client, long difference, Revision now)
    {
        take.Levels = take.Limits!.Less(take.Levels, difference); // the client is told of what it was held to
        if (!now.Policies.TryGetValue(take.Policy.Name, out var policy) || policy.SetFor(client) is not { } limits)
        {
            return true; // held to nothing any more
        }

        var name = take.Name with { Policy = policy };
        if (policy.Mode != take.Policy.Mode || name != BucketName.Of(policy, context, edge, edge.Route!))
        {
            return true; // counted in another bucket, of which nothing was taken; nobody asks for the one of then
        }

        var anew = take with { Policy = policy, Limits = limits, Name = name };
        return store.Settle(ref anew, difference);
    }

    /// <summary>One request's cost, which is settled once.</summary>
    private sealed class Pending(CostSettlement settlement, HttpContext context)
    {
        private bool _isSettled;

        public Task SettleAsync()
        {
            if (!_isSettled)
            {
                _isSettled = true;
                settlement.Settle(context);
            }

            return Task.CompletedTask;
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

    /// <summary>The client left before the head; it paid the highest cost that the route reported in the last minute.</summary>
    Abandoned,
}
