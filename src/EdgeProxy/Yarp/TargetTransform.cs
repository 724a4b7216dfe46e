using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Sends path and query as they came, where YARP would decode and encode them anew (`%2F` would leave as `%252F`).
/// Where the route has transforms of the path, it only refuses what no destination can be trusted to read as the edge did.
/// </summary>
/// <param name="pathChanges">The route has transforms of the path: leave target and query to them.</param>
/// <param name="queryChanges">The route has transforms of the query: take their outcome.</param>
internal sealed class TargetTransform(bool pathChanges, bool queryChanges) : RequestTransform
{
    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var http = context.HttpContext;
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (context.ProxyRequest.RequestUri is not null || !RequestPath.TrySplit(target, out var path, out var query))
        {
            return default;
        }

        if (!RequestPath.TryForward(path, out var forwarded))
        {
            http.Fail(EdgeErrors.InvalidPath);
            http.Response.StatusCode = StatusCodes.Status400BadRequest; // anything but 200 keeps YARP from forwarding
            return default;
        }

        if (pathChanges)
        {
            return default;
        }

        var prefix = context.DestinationPrefix.AsSpan().TrimEnd('/');
        var changed = queryChanges ? context.Query.QueryString.Value : null;
        var uri = string.Concat(prefix, forwarded.Span, queryChanges ? changed : query.Span);
        context.ProxyRequest.RequestUri = new Uri(uri, OutgoingRequest.AsWritten);
        return default;
    }
}
