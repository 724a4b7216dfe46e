using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>Hands the matched route's settings to the request.</summary>
internal sealed class RouteSettingsMiddleware(RequestDelegate next)
{
    public Task Invoke(HttpContext context)
    {
        context.Edge().Route = context.GetEndpoint()?.Metadata.GetMetadata<RouteSettings>();
        return next(context);
    }
}

internal static class RouteSettingsConvention
{
    /// <summary>Attaches to each of YARP's endpoints the settings of its route in the revision being applied.</summary>
    public static void WithRouteSettings(this ReverseProxyConventionBuilder endpoints, Revisions revisions) =>
        endpoints.ConfigureEndpoints((IEndpointConventionBuilder endpoint, RouteConfig route) =>
            endpoint.WithMetadata(revisions.Offered.Routes[route.RouteId]));
}
