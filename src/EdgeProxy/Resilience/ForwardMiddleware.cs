namespace EdgeProxy.Resilience;

/// <summary>Around the forward: closes the accounts of the time spent on destinations and of the attempt that was the last.</summary>
internal sealed class ForwardMiddleware(RequestDelegate next, TimeProvider time)
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
            edge.Attempt.Leave();
            edge.Attempt = default;
        }

        if (edge.AnsweredAt != 0)
        {
            edge.UpstreamTicks += time.GetTimestamp() - edge.AnsweredAt;
        }
    }
}
