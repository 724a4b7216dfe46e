using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.RateLimiting;

namespace EdgeProxy;

/// <summary>What the edge knows of one request. One instance a request, kept as a feature of its HttpContext.</summary>
internal sealed class EdgeContext(Revision revision, string requestId, long startedAt)
{
    /// <summary>The revision that was active when the request began; the request keeps it to its end.</summary>
    public Revision Revision { get; } = revision;

    public string RequestId { get; } = requestId;

    /// <summary>Timestamp of <see cref="TimeProvider.GetTimestamp"/> when the request's head was complete.</summary>
    public long StartedAt { get; } = startedAt;

    /// <summary>Settings of the matched route; null before routing and when no route matched.</summary>
    public RouteSettings? Route { get; set; }

    /// <summary>Who is calling; anonymous until <see cref="ClientMiddleware"/> has looked.</summary>
    public Client Client { get; set; } = Client.Unknown;

    /// <summary>The failure that <see cref="ErrorMiddleware"/> is to answer with; null when all is well.</summary>
    public EdgeFailure? Failure { get; set; }

    /// <summary>What the limits of the route said; null on routes without limits.</summary>
    public RateLimitVerdict? RateLimits { get; set; }
}

internal static class EdgeContextExtensions
{
    /// <summary>The request's <see cref="EdgeContext"/>. Set by the first middleware; absent nowhere below it.</summary>
    public static EdgeContext Edge(this HttpContext context) =>
        context.Features.Get<EdgeContext>()
        ?? throw new InvalidOperationException("The request has not passed EdgeContextMiddleware.");

    /// <summary>Ends the request with an error of the catalogue. The first failure of a request stands.</summary>
    public static void Fail(this HttpContext context, EdgeError error, int? retryAfterSeconds = null) =>
        context.Edge().Failure ??= new EdgeFailure(error) { RetryAfterSeconds = retryAfterSeconds };
}
