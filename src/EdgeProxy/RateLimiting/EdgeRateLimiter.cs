using System.Threading.RateLimiting;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// The platform's door with our decision behind it. <see cref="RateLimitingServices"/> makes it the GlobalLimiter; it keeps
/// no object and no timer for a client, and reads the policies of the request's own route. Never throws.
/// </summary>
internal sealed class EdgeRateLimiter(IBucketStore store, RateLimitMetrics metrics, CostSettlement settlement, TopClients top)
    : PartitionedRateLimiter<HttpContext>
{
    public override RateLimiterStatistics? GetStatistics(HttpContext resource) => null;

    /// <summary>
    /// Decides where no waiting is needed. The middleware asks <see cref="AcquireAsyncCore"/> whenever this does not admit: the
    /// verdict stays with the request, so that it is decided and counted once.
    /// </summary>
    protected override RateLimitLease AttemptAcquireCore(HttpContext resource, int permitCount)
    {
        var edge = resource.Edge();
        if (edge.Route is not { RateLimits.IsEmpty: false } route)
        {
            return Lease.Admitted;
        }

        if (edge.RateLimits is not { } verdict)
        {
            edge.RateLimits = verdict = Ask(resource, edge, route);
            if (verdict.RefuseWhatCanNeverBe() || store.TryTake(verdict))
            {
                Count(verdict, edge);
            }
        }

        return LeaseOf(verdict);
    }

    protected override ValueTask<RateLimitLease> AcquireAsyncCore(
        HttpContext context, int permitCount, CancellationToken cancellationToken) =>
        context.Edge() is { RateLimits: { IsDecided: false } verdict } edge
            ? WaitAsync(verdict, edge)
            : new(AttemptAcquireCore(context, permitCount));

    private async ValueTask<RateLimitLease> WaitAsync(RateLimitVerdict verdict, EdgeContext edge)
    {
        await store.TakeAsync(verdict);
        Count(verdict, edge);
        return LeaseOf(verdict);
    }

    private void Count(RateLimitVerdict verdict, EdgeContext edge)
    {
        metrics.Count(verdict);
        top.Note(verdict, edge.StartedAt);
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

    private static Lease LeaseOf(RateLimitVerdict verdict) => verdict.Admitted ? Lease.Admitted : Lease.Refused;

    private sealed class Lease(bool admitted) : RateLimitLease
    {
        public static readonly Lease Admitted = new(true);
        public static readonly Lease Refused = new(false);

        public override bool IsAcquired { get; } = admitted;

        public override IEnumerable<string> MetadataNames => [];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = null;
            return false;
        }
    }
}
