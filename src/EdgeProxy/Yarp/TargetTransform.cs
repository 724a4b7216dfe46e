using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Sends path and query as they came, where YARP would decode and encode them anew (`%2F` would leave as `%252F`), or as the route's
/// transforms have left them. Refuses what no destination can be trusted to read as the edge did.
/// </summary>
internal sealed class TargetTransform : RequestTransform
{
    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        var http = context.HttpContext;
        var received = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var changed = http.Edge().Target;
        if (!RequestPath.TrySplit(received, out var path, out var query) && changed is null)
        {
            return default;
        }

        if (!RequestPath.TryForward(path, out var forwarded)
            || (changed is not null && !RequestPath.TryForward(changed.Path.AsMemory(), out forwarded)))
        {
            http.Fail(EdgeErrors.InvalidPath);
            http.Response.StatusCode = StatusCodes.Status400BadRequest; // anything but 200 keeps YARP from forwarding
            return default;
        }

        context.ProxyRequest.RequestUri = OutgoingRequest.At(
            context.DestinationPrefix, forwarded.Span, changed is null ? query.Span : changed.Query);
        return default;
    }
}
