using System.Threading.RateLimiting;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// The platform's door with our decision behind it. <see cref="RateLimitingServices"/> makes it the GlobalLimiter; it keeps
/// no object and no timer for a client, and reads the policies of the request's own route.
/// </summary>
internal sealed class EdgeRateLimiter(MemoryBucketStore store) : PartitionedRateLimiter<HttpContext>
{
    public override RateLimiterStatistics? GetStatistics(HttpContext resource) => null;

    protected override RateLimitLease AttemptAcquireCore(HttpContext resource, int permitCount)
    {
        var edge = resource.Edge();
        if (edge.Route is not { RateLimits.IsEmpty: false } route)
        {
            return Lease.Admitted;
        }

        // The middleware asks a second time after a refusal; the verdict of a request is decided and counted once.
        edge.RateLimits ??= Decide(edge, route);
        return edge.RateLimits.Admitted ? Lease.Admitted : Lease.Refused;
    }

    protected override ValueTask<RateLimitLease> AcquireAsyncCore(
        HttpContext context, int permitCount, CancellationToken cancellationToken) => new(AttemptAcquireCore(context, permitCount));

    private RateLimitVerdict Decide(EdgeContext edge, Configuration.RouteSettings route)
    {
        var verdict = new RateLimitVerdict(true, null, []);
        foreach (var policy in route.RateLimits)
        {
            verdict = store.Take(policy, edge.Client.Id);
            if (!verdict.Admitted)
            {
                break;
            }
        }

        return verdict;
    }

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
