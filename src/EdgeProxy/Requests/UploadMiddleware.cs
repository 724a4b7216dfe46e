using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Requests;

/// <summary>
/// Bounds a request's body in size and slowness. Stands behind routing, since a route's MaxRequestBodySize replaces
/// the bound of the edge. Upgraded connections have no bound. A gRPC stream has none as long as it goes to an HTTP/2 connection;
/// the content type is the client's word alone, and an upstream on HTTP/1.1 takes the request for an ordinary upload.
/// </summary>
internal sealed class UploadMiddleware(RequestDelegate next, TimeProvider time)
{
    public Task Invoke(HttpContext context)
    {
        if (!context.MayHaveBody() || context.AsksForUpgrade())
        {
            return next(context);
        }

        var isGrpc = IsGrpc(context.Request);
        var routeLimit = context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>()?.Config.MaxRequestBodySize;
        var limit = routeLimit switch
        {
            null => context.Edge().Revision.Edge.Requests.BodyBytes,
            < 0 => long.MaxValue,
            { } bytes => bytes,
        };
        if (context.Request.ContentLength > limit && !isGrpc)
        {
            context.Fail(EdgeErrors.BodyTooLarge);
            return Task.CompletedTask;
        }

        var upload = new UploadStream(context.Request.BodyReader, limit, context.Edge(), time)
        {
            Longest = context.Edge().Revision.Edge.Requests.UploadTimeout,
            IsBounded = !isGrpc,
            AtEnd = () => FaultOfTrailers(context),
        };
        if (isGrpc && routeLimit is null)
        {
            context.Edge().BodyGoesToHttp1 = upload.Bound;
        }

        context.Request.Body = upload;
        context.Edge().ReceivedBody = upload;
        context.Response.RegisterForDispose(upload);
        return next(context);
    }

    /// <summary>They go no further than the edge, and still have to be fields.</summary>
    private static BadHttpRequestException? FaultOfTrailers(HttpContext context) =>
        context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true, Trailers: { Count: > 0 } trailers }
        && RequestRules.CheckTrailers(trailers, context.Edge().Revision.Edge.Requests) is { } error
            ? new BadHttpRequestException(error.Title, error.Status)
            : null;

    /// <summary>gRPC does not exist on HTTP/1.x, and gRPC-Web is made of ordinary messages: their content type lifts no bound.</summary>
    private static bool IsGrpc(HttpRequest request) =>
        GrpcAnswer.IsExpected(request.ContentType)
        && !request.ContentType!.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase)
        && !HttpProtocol.IsHttp11(request.Protocol) && !HttpProtocol.IsHttp10(request.Protocol);
}
