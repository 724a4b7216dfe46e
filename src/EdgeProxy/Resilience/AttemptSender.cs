using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Upstreams;
using EdgeProxy.Yarp;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// Makes one attempt: here it begins, ends and is counted, and nothing below sends a request twice. The one attempt that is made
/// again here: an idempotent request without a body, on a pooled connection that turns out to be closed.
/// </summary>
internal sealed class AttemptSender(
    string cluster,
    ClusterPools clusterPools,
    OwnConnections owners,
    Attempts attempts,
    AttemptMetrics metrics,
    Breakers breakers,
    TimeProvider time)
{
    /// <param name="race">The attempt's own account, when there is another beside it; null: the request's.</param>
    public Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, CancellationToken cancellation, RacingAttempt? race = null) =>
        race is null && client.Edge().Attempt.Destination is { } destination && EndpointId.IsEndpoint(destination.DestinationId)
            ? SendToEndpointAsync(request, client, destination, cancellation)
            : SendOnceAsync(request, client, race, cancellation);

    /// <summary>To an endpoint, or, when it takes no connection and another one of its destination does, to that one.</summary>
    private async Task<HttpResponseMessage> SendToEndpointAsync(
        HttpRequestMessage request, HttpContext client, DestinationState first, CancellationToken cancellation)
    {
        List<DestinationState>? tried = null;
        while (true)
        {
            try
            {
                EndpointRequest.For(request, EndpointId.NameOf((tried?[^1] ?? first).Model.Config));
                return await SendOnceAsync(request, client, race: null, cancellation);
            }
            catch (HttpRequestException exception) when (AddressFailedException.IsIn(exception) && !cancellation.IsCancellationRequested)
            {
                tried ??= [first];
                if (client.Request.Body is Upload { IsUntouched: false } || !attempts.TryOtherEndpoint(request, client, tried))
                {
                    throw;
                }
            }
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpRequestMessage request, HttpContext client, RacingAttempt? race, CancellationToken cancellation)
    {
        var edge = client.Edge();
        var upload = client.MayHaveBody() ? Upload.Begin(client, time, cancellation) : null;
        var destination = PassOf(edge, race).Destination!;
        var pools = clusterPools.Of(destination);
        var canRepeat = upload is null && Idempotence.Of(request.Method.Method) && !edge.HasOwnConnection;
        var pool = edge.HasOwnConnection ? TakeOwn(request, client, destination, pools) : pools.Pooled;
        edge.Overdue = null; // of an answer that nobody gets
        if (edge.TimeAllowed is { } allowed && GrpcAnswer.IsExpected(client.Request.ContentType))
        {
            GrpcTimeout.Tell(request, allowed - time.GetElapsedTime(edge.StartedAt));
        }

        while (true)
        {
            var limit = AttemptLimit.Begin(edge.Timeouts, time, race is null ? client : null, upload, cancellation);
            var started = time.GetTimestamp();
            var waited = edge.ClientTicks;
            var (outcome, status) = (AttemptOutcome.Failed, 0);
            try
            {
                var answer = await pool.SendAsync(request, limit?.Token ?? cancellation);
                ResponseFields.RefuseAmbiguous(answer);
                ResponseFields.RefuseUnasked(answer, request);
                UpgradeAnswer.RefuseOther(answer, request, client);
                ExactBody.Expect(request, answer);
                if (answer.StatusCode == HttpStatusCode.Unauthorized && ConnectionAuthentication.IsChallenge(answer))
                {
                    owners.Bind(client, cluster, destination.DestinationId, pools, pools.OpenOwn); // for what the client sends next
                }

                await UpgradedStream.WatchAsync(request, answer, edge);
                (outcome, status) = (AttemptOutcome.Of(answer.StatusCode), (int)answer.StatusCode);
                SetPass(edge, race, ReportAnswer(PassOf(edge, race), VerdictOf(answer, edge.IsClientsDeadline), answer));
                ResponseFields.Clean(answer, edge.Revision.Edge.Name);
                if (race is null && limit is not null)
                {
                    WatchRest(limit, client, edge, answer);
                }

                if (PassOf(edge, race).Runtime is { IsInPanic: true })
                {
                    ResponseFields.SetDetails(answer, edge.Revision.Edge.Name, "panic");
                }

                return answer;
            }
            catch (HttpRequestException exception) when (canRepeat && CanRepeat(exception))
            {
                outcome = AttemptOutcome.Of(exception, ClientIsGone(client), cancellation.IsCancellationRequested);
                var isRefused = outcome == AttemptOutcome.RefusedStream;
                metrics.Retried(cluster, isRefused ? AttemptOutcome.RefusedStream : AttemptMetrics.StaleConnection);
                (pool, canRepeat) = (pools.Fresh, false);
            }
            catch (OperationCanceledException exception) when (limit is { HasRunOut: true } && !cancellation.IsCancellationRequested)
            {
                outcome = AttemptOutcome.Timeout;
                SetPass(edge, race, breakers.Report(PassOf(edge, race), Verdicts.OfFailure(outcome), outcome));
                throw new ResponseTimeoutException(limit.Bound, exception);
            }
            catch (Exception exception)
            {
                var isUnwanted = race is { IsBeaten: true } || upload is { ClientBroke: true } || ClientIsGone(client);
                outcome = AttemptOutcome.Of(exception, isUnwanted, cancellation.IsCancellationRequested);
                if (outcome == AttemptOutcome.Canceled && race is null)
                {
                    GivenUpRequests.Count(client, time);
                }

                outcome = outcome == AttemptOutcome.Failed && upload is { WasCutOff: true } ? AttemptOutcome.Closed : outcome;
                var isNotItsTime = edge.IsClientsDeadline || (client.IsPastDeadline() && RouteTime.WasShort(client, started, time));
                var verdict = IsNoFault(exception)
                    ? Verdict.None
                    : UpstreamSilentException.In(exception) is not null ? Verdict.Unreachable // a ping had no reply
                    : VerdictOf(outcome, upload, isNotItsTime);
                SetPass(edge, race, breakers.Report(PassOf(edge, race), verdict, outcome, exception));
                throw;
            }
            finally
            {
                limit?.Stop();
                var ended = time.GetTimestamp();
                var spent = edge.WithoutClient(ended - started, waited);
                if (race is null)
                {
                    (edge.AttemptAt, edge.HeadAt, edge.ClientTicksAtHead) = (started, ended, edge.ClientTicks);
                    edge.UpstreamTicks += spent;
                }
                else
                {
                    race.StartedAt = race.StartedAt == 0 ? started : race.StartedAt;
                    race.HeadAt = ended;
                    limit?.Dispose();
                }

                var duration = time.GetElapsedTime(started, started + spent);
                metrics.Attempted(cluster, outcome, duration);
                PassOf(edge, race).Runtime?.Attempted(outcome);
                edge.Record?.Attempted(cluster, PassOf(edge, race).Destination?.ConfiguredId(), outcome, status, duration);
            }
        }
    }

    /// <summary>A connection that nobody else gets. What it says of its user holds on HTTP/1.1 alone.</summary>
    private HttpMessageInvoker TakeOwn(HttpRequestMessage request, HttpContext client, DestinationState destination, UpstreamPools pools)
    {
        if (request is { Version.Major: >= 2, VersionPolicy: HttpVersionPolicy.RequestVersionOrLower })
        {
            request.Version = HttpVersion.Version11;
        }

        return owners.Take(client, cluster, destination.DestinationId, pools, pools.OpenOwn).Invoker;
    }

    /// <summary>Not of an answer that is judged by its head.</summary>
    private void WatchRest(AttemptLimit limit, HttpContext client, EdgeContext edge, HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode < StatusCodes.Status400BadRequest && edge.Attempt.Circuit is not null
            && answer.Content.Headers.ContentLength is > 0 and <= ForwardMiddleware.ShortAnswer
            && edge is { TimeAllowed: not null, IsClientsDeadline: false } && client.Response.Body is WatchedOutput output)
        {
            edge.Overdue = new OverdueAnswer(edge.Attempt, output, breakers);
            limit.WatchAnswer(edge.Overdue.Count);
        }
    }

    private static AttemptPass PassOf(EdgeContext edge, RacingAttempt? race) => race is null ? edge.Attempt : race.Pass;

    private static void SetPass(EdgeContext edge, RacingAttempt? race, AttemptPass pass)
    {
        if (race is null)
        {
            edge.Attempt = pass;
        }
        else
        {
            race.Pass = pass;
        }
    }

    /// <summary>A probe has not succeeded before all of a short answer is here: a head says little of a destination in trouble.</summary>
    private AttemptPass ReportAnswer(AttemptPass attempt, Verdict verdict, HttpResponseMessage answer) =>
        attempt.IsProbe && verdict == Verdict.Success && answer.Content.Headers.ContentLength <= ForwardMiddleware.ShortAnswer
            ? attempt.UntilEnd()
            : breakers.Report(attempt, verdict, verdict >= Verdict.Failure ? FailureOf(answer) : null);

    private static Verdict VerdictOf(HttpResponseMessage answer, bool isClientsDeadline) => GrpcStatusOf(answer) is { } grpc
        ? Verdicts.OfGrpc(grpc, isClientsDeadline)
        : Verdicts.OfStatus((int)answer.StatusCode);

    /// <summary>Of an answer whose verdict is a failure: a status that is one, so that it is short.</summary>
    private static string FailureOf(HttpResponseMessage answer) =>
        GrpcStatusOf(answer) is { } grpc ? $"grpc-status {grpc}" : $"status {(int)answer.StatusCode}";

    private static string? GrpcStatusOf(HttpResponseMessage answer) =>
        answer.Version.Major == 2 && answer.Headers.NonValidated.TryGetValues("grpc-status", out var grpc) && grpc.Count == 1
            ? grpc.ToString()
            : null;

    /// <summary>
    /// Time that ran out while the client still sent, or that others used up, says nothing about the destination. Nor does a connection
    /// that it closed after its client had kept it waiting: servers have a time for bodies, and some say no 408.
    /// </summary>
    private static Verdict VerdictOf(string outcome, Upload? upload, bool isNotItsTime) =>
        (outcome == AttemptOutcome.Timeout && (isNotItsTime || upload is { IsComplete: false }))
        || (outcome == AttemptOutcome.Closed && upload is { IsHeldUp: true })
            ? Verdict.None
            : Verdicts.OfFailure(outcome);

    /// <summary>The route's timeout signals the same token as the client's going away.</summary>
    private static bool ClientIsGone(HttpContext client) =>
        client.RequestAborted.IsCancellationRequested && !client.IsPastDeadline();

    /// <summary>
    /// What ends with a connection in good order, and what its destination was asked too much for; a dead one counts once.
    /// </summary>
    private static bool IsNoFault(Exception exception) =>
        Http2Codes.IsEndOfConnection(exception) || Http2Codes.IsCalm(exception);

    private static bool CanRepeat(HttpRequestException exception) =>
        UpstreamClosedException.In(exception) is { Reused: true }
        || Http2Codes.IsNotProcessed(exception) || Http2Codes.IsEndOfConnection(exception);
}
