using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Yarp;

/// <summary>Puts the edge's own transforms around those of each route.</summary>
internal sealed class EdgeTransformProvider(Revisions revisions, TimeProvider time) : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        // False already: the route has X-Forwarded transforms of its own, or none by choice.
        var forwarded = context.UseDefaultForwarders ?? true;
        context.UseDefaultForwarders = false;
        context.RequestTransforms.Insert(0, new RequestFieldsTransform(forwarded));
        context.RequestTransforms.Insert(1, new UpgradeTransform());

        context.RequestTransforms.Add(new TargetTransform());

        context.ResponseTransforms.Insert(0, new UpgradeRequired());
        context.ResponseTrailersTransforms.Insert(0, new TrailerFields());
        if (context.CopyResponseHeaders is false)
        {
            context.ResponseTransforms.Insert(0, new ResponseLengthTransform());
        }

        var settings = revisions.Offered.Routes.GetValueOrDefault(context.Route.RouteId);
        if (settings?.RewritesLocation is true)
        {
            context.ResponseTransforms.Insert(0, LocationTransform.Of(context.Route));
        }

        if (settings?.NormalizesUpstreamErrors is true)
        {
            context.ResponseTransforms.Add(new NormalisingTransform(time));
        }
    }
}
