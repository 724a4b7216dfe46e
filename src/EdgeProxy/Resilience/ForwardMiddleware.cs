using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Resilience;

/// <summary>Around the forward: closes the account of the time spent on destinations, and sees to the end of HTTP/2 streams.</summary>
internal sealed class ForwardMiddleware(RequestDelegate next, TimeProvider time)
{
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(100);

    public async Task Invoke(HttpContext context)
    {
        if (context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            await ForwardAsync(context, stream);
        }
        else
        {
            await next(context);
        }

        var edge = context.Edge();
        if (edge.AnsweredAt != 0)
        {
            edge.UpstreamTicks += time.GetTimestamp() - edge.AnsweredAt;
        }
    }

    private async Task ForwardAsync(HttpContext context, IHttpResetFeature stream)
    {
        context.Features.Set<IHttpResetFeature>(new ForwarderReset(stream));
        try
        {
            await next(context);
        }
        finally
        {
            context.Features.Set(stream);
        }

        if (context.Request.Body is Upload { EndedEarly: true } && !context.RequestAborted.IsCancellationRequested)
        {
            // The server resets the stream with the answer's end, and some clients lose an answer that comes together with that.
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await MomentAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task MomentAsync(CancellationToken gone) => Task.Delay(Ahead, time, gone);
}
