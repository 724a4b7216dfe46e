using EdgeProxy.Errors;

namespace EdgeProxy.Shedding;

/// <summary>Refuses the less critical routes while the process is overloaded. While it is not, that costs a look at one number.</summary>
internal sealed class OverloadMiddleware(RequestDelegate next, Overload overload, OverloadMetrics metrics)
{
    private const int RetryAfter = 1;

    public Task Invoke(HttpContext context) => overload.Level == 0 ? next(context) : Decide(context);

    private Task Decide(HttpContext context)
    {
        if (context.Edge() is not { Route: { } route } edge || !overload.Refuses(route.Criticality) || overload.Worst is not { } reason)
        {
            return next(context);
        }

        edge.ShedBy = reason.Name;
        metrics.Refused(route.Criticality, reason.Name);
        context.Fail(EdgeErrors.Overloaded, RetryAfter);
        return Task.CompletedTask;
    }
}
