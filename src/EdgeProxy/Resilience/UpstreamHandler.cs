using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Resilience;

/// <summary>
/// Sends the requests of one cluster, under YARP's forwarder: here an attempt begins, ends and is counted, and nothing below
/// sends a request twice. The one attempt that is made again: an idempotent request without a body, on a pooled connection that
/// turns out to be closed.
/// </summary>
internal sealed class UpstreamHandler(string cluster, UpstreamPools pools, AttemptMetrics metrics, Breakers breakers, TimeProvider time)
    : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request.Client() is { } client
            ? SendAsync(request, client, cancellationToken)
            : ProbedAddress.SendAsync(pools.Probes, request, cancellationToken);

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpContext client, CancellationToken cancellation)
    {
        var hasBody = client.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        if (hasBody)
        {
            Upload.Begin(client, cancellation);
        }

        try
        {
            return await AttemptAsync(pools.Pooled, request, client, canRepeat: !hasBody && IsIdempotent(request.Method), cancellation);
        }
        catch (HttpRequestException exception) when (!hasBody && IsIdempotent(request.Method) && IsStale(exception))
        {
            metrics.Retried(cluster, AttemptMetrics.StaleConnection);
            return await AttemptAsync(pools.Fresh, request, client, canRepeat: false, cancellation);
        }
    }

    private async Task<HttpResponseMessage> AttemptAsync(
        HttpMessageInvoker pool, HttpRequestMessage request, HttpContext client, bool canRepeat, CancellationToken cancellation)
    {
        var edge = client.Edge();
        var started = time.GetTimestamp();
        var outcome = AttemptOutcome.Failed;
        try
        {
            var answer = await pool.SendAsync(request, cancellation);
            ResponseFields.RefuseAmbiguous(answer);
            ResponseFields.RefuseUnasked(answer, request);
            UpgradeAnswer.RefuseOther(answer, request, client);
            outcome = AttemptOutcome.Of(answer.StatusCode);
            edge.Attempt = breakers.Report(edge.Attempt, VerdictOf(answer));
            ResponseFields.Clean(answer, edge.Revision.Edge.Name);
            return answer;
        }
        catch (Exception exception)
        {
            outcome = AttemptOutcome.Of(exception, ClientIsGone(client), cancellation.IsCancellationRequested);
            if (!(canRepeat && exception is HttpRequestException failure && IsStale(failure)))
            {
                edge.Attempt = breakers.Report(edge.Attempt, VerdictOf(outcome, client));
            }

            throw;
        }
        finally
        {
            edge.AnsweredAt = time.GetTimestamp();
            edge.UpstreamTicks += edge.AnsweredAt - started;
            metrics.Attempted(cluster, outcome, time.GetElapsedTime(started, edge.AnsweredAt));
        }
    }

    private static Verdict VerdictOf(HttpResponseMessage answer) =>
        answer.Version.Major == 2 && answer.Headers.NonValidated.TryGetValues("grpc-status", out var grpc) && grpc.Count == 1
            ? Verdicts.OfGrpc(grpc.ToString())
            : Verdicts.OfStatus((int)answer.StatusCode);

    /// <summary>Time that ran out while the client still sent says nothing about the destination.</summary>
    private static Verdict VerdictOf(string outcome, HttpContext client) =>
        outcome == AttemptOutcome.Timeout && client.Request.Body is Upload { IsComplete: false }
            ? Verdict.None
            : Verdicts.OfFailure(outcome);

    /// <summary>The route's timeout signals the same token as the client's going away.</summary>
    private static bool ClientIsGone(HttpContext client) =>
        client.RequestAborted.IsCancellationRequested && !client.IsPastDeadline();

    private static bool IsStale(HttpRequestException exception) => AttemptOutcome.FindClosed(exception) is { Reused: true };

    private static bool IsIdempotent(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Options
        || method == HttpMethod.Put || method == HttpMethod.Delete;

    protected override void Dispose(bool disposing)
    {
        pools.Dispose();
        base.Dispose(disposing);
    }
}
