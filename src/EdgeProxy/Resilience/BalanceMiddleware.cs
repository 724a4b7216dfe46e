using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Resilience;

/// <summary>Chooses the destination of a request's first attempt, in place of YARP's balancing.</summary>
internal sealed class BalanceMiddleware(RequestDelegate next, Balancer balancer)
{
    public Task Invoke(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        var cluster = proxy.Route.Cluster!;
        var candidates = proxy.AvailableDestinations is DestinationsOfSessions sessions ? sessions.ForAll : proxy.AvailableDestinations;
        var hasBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        var pass = balancer.Choose(context, cluster, candidates, hasBody, out var retryAfter);
        if (pass.Destination is null && retryAfter is not null && candidates.Count == 1 && proxy.AllDestinations.Count > 1)
        {
            // The one that its session is bound to is being probed by another request.
            var others = cluster.DestinationsState.AvailableDestinations;
            pass = others.Count > 1 ? balancer.Choose(context, cluster, others, hasBody, out retryAfter) : pass;
        }

        if (pass.Destination is { } destination)
        {
            proxy.AvailableDestinations = destination;
            context.Edge().Attempt = pass;
            return next(context);
        }

        if (retryAfter is { } wait)
        {
            context.Fail(EdgeErrors.CircuitOpen, (int)Math.Max(1, Math.Ceiling(wait.TotalSeconds)));
            return Task.CompletedTask;
        }

        proxy.AvailableDestinations = []; // which the forwarder answers
        return next(context);
    }
}
