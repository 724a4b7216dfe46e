namespace EdgeProxy.Metrics;

/// <summary>Counts each request once it has ended, by the answer that the client really got.</summary>
internal sealed class RequestMetricsMiddleware(RequestDelegate next, RequestMetrics metrics)
{
    public async Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        try
        {
            await next(context);
        }
        finally
        {
            edge.InFlight?.Add(-1);
            metrics.Record(context, edge);
        }
    }
}

/// <summary>Counts the request as under way as soon as its route is known; <see cref="RequestMetricsMiddleware"/> ends that.</summary>
internal sealed class InFlightMiddleware(RequestDelegate next, RequestMetrics metrics)
{
    public Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        edge.InFlight = metrics.InFlight(edge.Route?.RouteId ?? EdgeMeter.NoRoute);
        edge.InFlight.Add(1);
        return next(context);
    }
}
