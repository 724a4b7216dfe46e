using EdgeProxy.Configuration;

namespace EdgeProxy;

/// <summary>Gives each request its <see cref="EdgeContext"/>: the one read of the active revision, and the request's id.</summary>
internal sealed class EdgeContextMiddleware(RequestDelegate next, Revisions revisions, TimeProvider time)
{
    public Task Invoke(HttpContext context)
    {
        var edge = new EdgeContext(revisions.Current, context.TraceIdentifier, time.GetTimestamp());
        context.Features.Set(edge);
        context.Response.Headers["X-Request-Id"] = edge.RequestId;
        return next(context);
    }
}
