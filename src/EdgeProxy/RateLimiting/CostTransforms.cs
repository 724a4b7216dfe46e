using EdgeProxy.Configuration;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// On routes with `CostHeader`: a trailer of that name ends at the edge too. It comes too late to be settled, and no client is to learn
/// how it is charged.
/// </summary>
internal sealed class CostTransforms(Revisions revisions) : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        if (revisions.Offered.Routes.GetValueOrDefault(context.Route.RouteId)?.CostHeader is { } name)
        {
            context.AddResponseTrailersTransform(transform =>
            {
                transform.HttpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers.Remove(name);
                return default;
            });
        }
    }
}
