using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// Holds requests to the limits of their routes: asks for what they cost, at once where that is known and else after a moment, and lets
/// through whom all of the route's policies admit. It keeps no object and no timer for a client.
/// </summary>
internal sealed class RateLimitMiddleware(
    RequestDelegate next, IBucketStore store, RateLimitMetrics metrics, CostSettlement settlement, TopClients top)
{
    public Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        if (edge.Route is not { RateLimits.IsEmpty: false } route)
        {
            return next(context);
        }

        var verdict = Ask(context, edge, route);
        edge.RateLimits = verdict;
        return verdict.RefuseWhatCanNeverBe() || store.TryTake(verdict)
            ? GoOn(context, edge, verdict)
            : WaitAsync(context, edge, verdict);
    }

    private async Task WaitAsync(HttpContext context, EdgeContext edge, RateLimitVerdict verdict)
    {
        await store.TakeAsync(verdict);
        await GoOn(context, edge, verdict);
    }

    private Task GoOn(HttpContext context, EdgeContext edge, RateLimitVerdict verdict)
    {
        metrics.Count(verdict);
        top.Note(verdict, edge.StartedAt);
        if (verdict.Admitted)
        {
            return next(context);
        }

        RateLimitFields.Refuse(context);
        return Task.CompletedTask;
    }

    private RateLimitVerdict Ask(HttpContext context, EdgeContext edge, RouteSettings route)
    {
        var verdict = new RateLimitVerdict(route.RateLimits.Length, route.Cost);
        var takes = verdict.Takes;
        var isAnnounced = false;
        for (var i = 0; i < takes.Length; i++)
        {
            var policy = route.RateLimits[i];
            takes[i] = new BucketTake
            {
                Policy = policy,
                Limits = policy.SetFor(edge.Client),
                Name = BucketName.Of(policy, context, edge, route),
            };
            isAnnounced |= RateLimitFields.Mentions(takes[i], RateLimitHeaders.Both);
        }

        if (isAnnounced)
        {
            RateLimitFields.Announce(context);
        }

        if (route.CostHeader is not null)
        {
            settlement.Expect(context); // after Announce: what is registered last runs first
        }

        return verdict;
    }
}
