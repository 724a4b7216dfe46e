using EdgeProxy.Errors;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

/// <summary>
/// Around the forward: closes the accounts of the time spent on destinations and of the last attempt, and keeps HTTP/2 streams from
/// being reset with a code that is not the edge's.
/// </summary>
internal sealed class ForwardMiddleware(RequestDelegate next, Breakers breakers, AttemptMetrics metrics, TimeProvider time)
{
    /// <summary>Bytes of an answer that is to be whole when the route's time is over.</summary>
    public const long ShortAnswer = 64 * 1024;

    public async Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        var stream = context.Features.Get<IHttpResetFeature>();
        var output = WatchedOutput.Begin(context, time);
        RouteCluster.Apply(context, edge);
        try
        {
            await (stream is null ? next(context) : ForwardAsync(context, stream));
        }
        finally
        {
            output.End(context);
            End(context, edge, output);
        }

        if (edge.HeadAt != 0)
        {
            edge.UpstreamTicks += edge.WithoutClient(time.GetTimestamp() - edge.HeadAt, edge.ClientTicksAtHead);
        }

        edge.UploadEndedEarly = context.Request.Body is Upload { IsComplete: false };
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

    /// <summary>The last attempt is over, its answer through or broken off.</summary>
    private void End(HttpContext context, EdgeContext edge, WatchedOutput output)
    {
        edge.DeadlinePassed = context.IsPastDeadline(); // nobody can ask above the request timeouts
        edge.ClientKeptWaiting = context.Request.Body is Upload { ClientKeptWaiting: true }
            && !GrpcAnswer.IsExpected(context.Request.ContentType); // there a stream that is open for long is no slowness
        edge.IsAbandoned = edge.HeadAt != 0 && WaitForHead(context, edge) >= edge.Route!.AbandonedAfter;
        var error = edge.Attempt.Runtime is null ? null : context.GetForwarderErrorFeature();
        if (error is not null && IsBroken(error.Error, error.Exception, context, edge, output))
        {
            if (edge.Overdue is not { IsCounted: true }) // else that it was not whole in time has counted, and why it was not tried again
            {
                breakers.Break(edge.Attempt);
                if (edge.Route!.Retry is not null && context.Response.HasStarted)
                {
                    metrics.Skipped(edge.Attempt.Cluster!.ClusterId, RetrySkips.Started);
                }
            }
        }
        else if (edge.Attempt.IsUntilEnd && error is null && edge.Overdue is not { IsCounted: true })
        {
            edge.Attempt = breakers.Report(edge.Attempt, Verdict.Success, null);
        }

        breakers.Leave(edge.Attempt);
        edge.Attempt = AttemptPass.None;
    }

    /// <summary>Time since the client had sent its request, as far as destinations were what was waited for.</summary>
    private TimeSpan WaitForHead(HttpContext context, EdgeContext edge) => context.Request.Body is Upload upload
        ? upload.CompletedAt == 0 ? TimeSpan.Zero : time.GetElapsedTime(upload.CompletedAt, edge.HeadAt)
        : time.GetElapsedTime(edge.StartedAt + edge.QueuedTicks, edge.HeadAt);

    /// <summary>
    /// The destination broke off or fell silent after its answer had begun, or had not sent all of a short one when the route's time
    /// was up, though it had had enough of that and the client took all there was. Servers have a time for clients that do not read, and
    /// an application ends a connection that carried bytes of an upgrade as it likes: neither says anything.
    /// </summary>
    private bool IsBroken(ForwarderError error, Exception? exception, HttpContext context, EdgeContext edge, WatchedOutput output) =>
        (error == ForwarderError.ResponseBodyDestination && !output.IsHeldUp && !Http2Codes.IsCalm(exception))
        || (error == ForwarderError.UpgradeResponseDestination && edge.Upgraded is not { HasCarried: true })
        || (error == ForwarderError.ResponseBodyCanceled && !output.ClientKeptWaiting && !output.IsHeldUp
            && edge is { TimeAllowed: not null, IsClientsDeadline: false, DeadlinePassed: true }
            && context.Response.ContentLength <= ShortAnswer && !RouteTime.WasShort(context, edge.AttemptAt, time));
}
