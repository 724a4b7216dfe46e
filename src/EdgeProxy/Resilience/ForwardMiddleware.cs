using EdgeProxy.Errors;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

/// <summary>
/// Around the forward: closes the accounts of the time spent on destinations and of the last attempt, and sees to the end of HTTP/2
/// streams.
/// </summary>
internal sealed class ForwardMiddleware(RequestDelegate next, Breakers breakers, AttemptMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(100);

    public async Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        var stream = context.Features.Get<IHttpResetFeature>();
        RouteCluster.Apply(context, edge.Route!);
        try
        {
            await (stream is null ? next(context) : ForwardAsync(context, stream));
        }
        finally
        {
            End(context, edge);
        }

        if (edge.HeadAt != 0)
        {
            edge.UpstreamTicks += time.GetTimestamp() - edge.HeadAt;
        }

        if (stream is not null && context.Request.Body is Upload { EndedEarly: true } && !context.RequestAborted.IsCancellationRequested)
        {
            edge.UploadEndedEarly = true;
            if (edge.Failure is null && FailureCauses.OfOutcome(context) is null)
            {
                await SendAheadOfResetAsync(context);
            }
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
    }

    /// <summary>
    /// The server resets the stream with the answer's end, and some clients lose an answer that comes together with that. It is the
    /// destination's answer that goes ahead here; one that is refused must stay unsent, for an error to take its place.
    /// </summary>
    private async Task SendAheadOfResetAsync(HttpContext context)
    {
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await MomentAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private Task MomentAsync(CancellationToken gone) => Task.Delay(Ahead, time, gone);

    /// <summary>The last attempt is over, its answer through or broken off.</summary>
    private void End(HttpContext context, EdgeContext edge)
    {
        edge.DeadlinePassed = context.IsPastDeadline(); // nobody can ask above the request timeouts
        edge.ClientKeptWaiting = context.Request.Body is Upload { ClientKeptWaiting: true }
            && !GrpcAnswer.IsExpected(context.Request.ContentType); // there a stream that is open for long is no slowness
        if (edge.Attempt.Runtime is not null && context.GetForwarderErrorFeature() is { } report && IsBroken(report.Error))
        {
            breakers.Break(edge.Attempt);
            if (edge.Route!.Retry is not null)
            {
                metrics.Skipped(edge.Attempt.Cluster!.ClusterId, RetrySkips.Started);
            }
        }

        breakers.Leave(edge.Attempt);
        edge.Attempt = AttemptPass.None;
    }

    /// <summary>The destination broke off, or fell silent, after its answer had begun.</summary>
    private static bool IsBroken(ForwarderError error) =>
        error is ForwarderError.ResponseBodyDestination or ForwarderError.UpgradeResponseDestination;
}
