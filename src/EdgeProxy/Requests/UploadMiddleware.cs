using EdgeProxy.Errors;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Requests;

/// <summary>
/// Bounds a request's body in size and slowness. Stands behind routing, since a route's MaxRequestBodySize replaces
/// the bound of the edge. gRPC streams and upgraded connections have no bound.
/// </summary>
internal sealed class UploadMiddleware(RequestDelegate next, TimeProvider time)
{
    public Task Invoke(HttpContext context)
    {
        if (!context.MayHaveBody() || IsUnbounded(context))
        {
            return next(context);
        }

        var limit = LimitOf(context);
        if (context.Request.ContentLength > limit)
        {
            context.Fail(EdgeErrors.BodyTooLarge);
            return Task.CompletedTask;
        }

        var upload = new UploadStream(context.Request.BodyReader, limit, time);
        context.Request.Body = upload;
        context.Response.RegisterForDispose(upload);
        return next(context);
    }

    private static bool IsUnbounded(HttpContext context) =>
        (GrpcAnswer.IsExpected(context.Request.ContentType) && !HttpProtocol.IsHttp11(context.Request.Protocol)
            && !HttpProtocol.IsHttp10(context.Request.Protocol)) // there gRPC does not exist: the name alone lifts no bound
        || context.AsksForUpgrade();

    private static long LimitOf(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>()?.Config.MaxRequestBodySize switch
        {
            null => context.Edge().Revision.Edge.Requests.BodyBytes,
            < 0 => long.MaxValue,
            { } bytes => bytes,
        };
}
