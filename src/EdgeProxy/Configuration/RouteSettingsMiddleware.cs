using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>Hands the matched route's settings, and the revision they belong to, to the request.</summary>
internal sealed class RouteSettingsMiddleware(RequestDelegate next)
{
    public Task Invoke(HttpContext context)
    {
        if (context.Features.Get<EdgeContext>() is not { } edge)
        {
            return Task.CompletedTask; // RoutingWarmUp's: it wanted to be routed, no more
        }

        if (context.GetEndpoint()?.Metadata is { } metadata
            && metadata.GetMetadata<RouteSettings>() is { } route
            && metadata.GetMetadata<Revision>() is { } revision)
        {
            edge.Match(revision, route);
        }

        return next(context);
    }
}

internal static class RouteSettingsConvention
{
    /// <summary>Attaches to each of YARP's endpoints the settings of its route in the revision being applied.</summary>
    public static ReverseProxyConventionBuilder WithRouteSettings(this ReverseProxyConventionBuilder endpoints, Revisions revisions) =>
        endpoints.ConfigureEndpoints((IEndpointConventionBuilder endpoint, RouteConfig route) =>
        {
            var revision = revisions.Offered;
            endpoint.WithMetadata(revision, revision.Routes[route.RouteId]);
        });
}
