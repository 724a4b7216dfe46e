using System.Runtime.ExceptionServices;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;
using EdgeProxy.Shedding;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Fallbacks;

/// <summary>
/// The fallback of one request. What another cluster can still mend while the request's attempts are at hand is done here, under the
/// forwarder; the rest is done by <see cref="FallbackMiddleware"/>, when the forwarder has ended without an answer to the client.
/// </summary>
internal sealed class FallbackRun(
    FallbackSettings settings, OtherCluster others, StaleCache kept, FallbackMetrics metrics) : FallbackStrategy
{
    private Stage _stage;
    private Gate? _gate;
    private bool _replaces;
    private bool _isCounted;

    private enum Stage
    {
        /// <summary>The route's own cluster is asked.</summary>
        Own,

        /// <summary>The other cluster is asked, in the course of the same forward.</summary>
        Within,

        /// <summary>The other cluster is asked in a forward of its own: the first had nobody to send to.</summary>
        Anew,

        /// <summary>No other cluster is left to ask.</summary>
        Spent,
    }

    public override bool Replaces => _replaces;

    /// <summary>What went wrong first.</summary>
    public FallbackTrigger Trigger { get; private set; }

    /// <summary>A kept answer to give instead; null: none was found, or nothing went wrong.</summary>
    public StaleAnswer? Stale { get; private set; }

    public override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, UpstreamHandler cluster, CancellationToken cancellation) =>
        _stage == Stage.Within
            ? cluster.AttemptAsync(request, client, client.Edge(), cancellation)
            : JudgeAsync(request, client, cluster, cancellation);

    /// <summary>Notes what went wrong, if nothing is noted yet, and looks for a kept answer.</summary>
    public void Record(FallbackTrigger trigger, HttpContext client)
    {
        if (Trigger.Cause == FallbackCause.None)
        {
            Trigger = trigger;
            Stale = settings.Stale is { } stale ? kept.Find(client, stale) : null;
        }
    }

    /// <summary>Whether the other cluster is worth a forward of its own: nothing was sent, and it was not asked yet.</summary>
    public ClusterState? Next(HttpContext client) =>
        _stage == Stage.Own && Trigger.Cause is FallbackCause.Open or FallbackCause.NoDestination && others.HasTime(client)
            ? Find(client)
            : null;

    /// <summary>The next forward goes to the other cluster.</summary>
    public void Assign(HttpContext client, ClusterState cluster)
    {
        _stage = Stage.Anew;
        client.Edge().OtherTimeouts = settings.ClusterTimeouts;
        OtherCluster.Assign(client, cluster);
    }

    /// <summary>No cluster has the last word: the edge answers, or, with the kind `none`, what went wrong stands.</summary>
    public void End(HttpContext client, string kind)
    {
        _replaces = false;
        _stage = Stage.Spent;
        Count(client, kind);
    }

    /// <summary>To be called when the request has ended: it may still be inside the other cluster's bounds.</summary>
    public void LeaveGate()
    {
        _gate?.Leave();
        _gate = null;
    }

    private void Count(HttpContext client, string kind)
    {
        var edge = client.Edge();
        (edge.FallbackKind, edge.FallbackCause) = kind == FallbackKinds.None ? (null, null) : (kind, Trigger.Word);
        if (kind != FallbackKinds.None || !_isCounted) // what was passed on for want of another may break off as well
        {
            metrics.FellBack(edge.Route!.RouteId, kind, Trigger.Cause);
            _isCounted = true;
        }
    }

    private async Task<HttpResponseMessage> JudgeAsync(
        HttpRequestMessage request, HttpContext client, UpstreamHandler cluster, CancellationToken cancellation)
    {
        HttpResponseMessage? answer = null;
        ExceptionDispatchInfo? failure = null;
        client.Features.Get<ReplayBody>()?.Use(request, client);
        try
        {
            answer = await cluster.AttemptAsync(request, client, client.Edge(), cancellation);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        var trigger = answer is null
            ? FallbackTrigger.Of(failure!.SourceException)
            : FallbackTrigger.Of(answer, _stage == Stage.Anew ? null : client.Edge().Overdue); // the other cluster's may be slow
        if (trigger.IsCoveredBy(settings))
        {
            Record(trigger, client);
            if (Stale is null && _stage == Stage.Own
                && await ElsewhereAsync(request, client, answer, trigger.End, cancellation) is { } other)
            {
                client.Edge().Failure = null; // a budget that is used up has had its word
                return other;
            }

            _replaces = answer is not null
                && (Stale is not null || _stage == Stage.Anew || (settings.Static is not null && FallbackAnswer.IsFor(client)));
            if (_replaces && trigger.Cause == FallbackCause.Timeout)
            {
                answer!.Dispose();
                throw new ResponseTimeoutException(nameof(TimeoutSettings.PerTry)); // passive checks are not to take it for an answer
            }

            if (answer is not null && !_replaces)
            {
                Count(client, FallbackKinds.None);
            }
        }
        else if (_stage == Stage.Anew && answer is not null)
        {
            Mark(answer, client);
        }
        else if (answer is not null && settings.Stale is { } stale)
        {
            kept.Record(answer, client, stale);
        }

        failure?.Throw();
        return answer!;
    }

    /// <summary>The other cluster's answer; null when it has none, or none that is better.</summary>
    /// <param name="own">What the route's own cluster has answered, if anything: let go of unless it stands.</param>
    private async Task<HttpResponseMessage?> ElsewhereAsync(
        HttpRequestMessage request, HttpContext client, HttpResponseMessage? own, AttemptEnd end, CancellationToken cancellation)
    {
        var edge = client.Edge();
        var body = Replay.Of(client, end);
        var mayRepeat = end.Class == RetryClass.NotProcessed
            || Idempotence.Of(request.Method.Method)
            || edge.Route!.Retry is { Idempotent: true };
        if (!mayRepeat || client.AsksForUpgrade() || !Replay.CanSend(client, body, end) || !others.HasTime(client)
            || Find(client) is not { } cluster
            || !TryEnter(cluster))
        {
            return null;
        }

        if (others.Enter(client, cluster, client.Request.Body is Upload && body is null) is not { Destination: not null } pass)
        {
            LeaveGate();
            return null;
        }

        var (before, proxy, sentTo, began, rest) =
            (edge.Attempt, client.GetReverseProxyFeature(), edge.SentTo, edge.AttemptAt, edge.Overdue);
        HttpResponseMessage? answer = null;
        _stage = Stage.Within;
        edge.OtherTimeouts = settings.ClusterTimeouts;
        try
        {
            answer = await OtherCluster.SendAsync(request, client, pass, body, cancellation);
        }
        catch (Exception) when (!cancellation.IsCancellationRequested)
        {
            // It is counted with the other cluster's attempts. What the client is told is what went wrong first.
        }
        catch
        {
            own?.Dispose();
            others.Leave(before);
            throw;
        }

        _stage = Stage.Spent;
        if (answer is not null && !FallbackTrigger.Of(answer, rest: null).IsCoveredBy(settings))
        {
            own?.Dispose();
            others.Leave(before);
            Mark(answer, client);
            return answer;
        }

        answer?.Dispose();
        others.Leave(edge.Attempt);
        LeaveGate();
        (edge.Attempt, edge.SentTo, edge.AttemptAt, edge.OtherTimeouts, edge.Overdue) = (before, sentTo, began, null, rest);
        client.Features.Set(proxy);
        return null;
    }

    /// <summary>There is room for it, and nobody waits: it has waited in front of its own cluster already.</summary>
    private bool TryEnter(ClusterState cluster)
    {
        var gate = ClusterRuntime.Of(cluster).Gate;
        var hasEntered = gate?.TryEnter() ?? true;
        _gate = hasEntered ? gate : null;
        return hasEntered;
    }

    private ClusterState? Find(HttpContext client) => settings.Cluster is { } id ? others.Find(client, id) : null;

    private void Mark(HttpResponseMessage answer, HttpContext client)
    {
        FallbackFields.Mark(answer, client, FallbackKinds.Cluster, Trigger);
        Count(client, FallbackKinds.Cluster);
    }
}
