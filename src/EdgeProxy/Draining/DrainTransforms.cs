using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Draining;

/// <summary>The same word to clients whose request was already under way when the drain began: their answer carries it.</summary>
internal sealed class DrainTransforms(IHostApplicationLifetime lifetime) : ITransformProvider
{
    private readonly CancellationToken _draining = lifetime.ApplicationStopping;

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context) => context.AddResponseTransform(transform =>
    {
        if (_draining.IsCancellationRequested)
        {
            DrainMiddleware.CloseAfter(transform.HttpContext); // of an upgrade the server writes `Connection` itself
        }

        return default;
    });
}
