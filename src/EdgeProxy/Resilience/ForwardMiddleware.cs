namespace EdgeProxy.Resilience;

/// <summary>Around the forward: closes the account of the time that was spent on destinations.</summary>
internal sealed class ForwardMiddleware(RequestDelegate next, TimeProvider time)
{
    public async Task Invoke(HttpContext context)
    {
        await next(context);
        var edge = context.Edge();
        if (edge.AnsweredAt != 0)
        {
            edge.UpstreamTicks += time.GetTimestamp() - edge.AnsweredAt;
        }
    }
}
