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
        var body = edge is { TimeAllowed: not null, IsClientsDeadline: false } ? context.Features.Get<IHttpResponseBodyFeature>() : null;
        var output = body is null ? null : WatchedOutput.Begin(context, body, time);
        RouteCluster.Apply(context, edge);
        try
        {
            await (stream is null ? next(context) : ForwardAsync(context, stream));
        }
        finally
        {
            if (body is not null)
            {
                context.Features.Set(body);
            }

            End(context, edge, clientTookAll: output is { ClientKeptWaiting: false });
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
    /// <param name="clientTookAll">The route has a time, and no client was waited for when it was over.</param>
    private void End(HttpContext context, EdgeContext edge, bool clientTookAll)
    {
        edge.DeadlinePassed = context.IsPastDeadline(); // nobody can ask above the request timeouts
        edge.ClientKeptWaiting = context.Request.Body is Upload { ClientKeptWaiting: true }
            && !GrpcAnswer.IsExpected(context.Request.ContentType); // there a stream that is open for long is no slowness
        var error = edge.Attempt.Runtime is null ? null : context.GetForwarderErrorFeature();
        if (error is not null && IsBroken(error.Error, error.Exception, context, edge, clientTookAll))
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

    /// <summary>
    /// The destination broke off or fell silent after its answer had begun, or had not sent all of a short one when the route's time
    /// was up, though it had had enough of that and the client took all there was.
    /// </summary>
    private bool IsBroken(ForwarderError error, Exception? exception, HttpContext context, EdgeContext edge, bool clientTookAll) =>
        (error == ForwarderError.ResponseBodyDestination && !Http2Codes.IsCalm(exception))
        || (error == ForwarderError.UpgradeResponseDestination && edge.HasGotClose?.Invoke() is not true)
        || (error == ForwarderError.ResponseBodyCanceled && clientTookAll && edge.DeadlinePassed
            && context.Response.ContentLength <= ShortAnswer && !RouteTime.WasShort(context, edge.AttemptAt, time));
}
