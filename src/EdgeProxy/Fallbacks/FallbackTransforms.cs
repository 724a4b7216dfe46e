using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Fallbacks;

/// <summary>On routes with `Fallback`: keeps an answer that is about to be replaced from being copied to the client.</summary>
internal sealed class FallbackTransforms(Revisions revisions) : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        if (revisions.Offered.Routes.GetValueOrDefault(context.Route.RouteId)?.Fallback is not null)
        {
            context.AddResponseTransform(static transform =>
            {
                transform.SuppressResponseBody |= transform.HttpContext.Edge().Fallback is { Replaces: true };
                return default;
            });
        }
    }
}
