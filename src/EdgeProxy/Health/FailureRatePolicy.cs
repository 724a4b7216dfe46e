using System.Runtime.CompilerServices;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// The passive policy `FailureRate`: a destination is unhealthy once too large a share of its requests has failed, be it by
/// transport, by time, or by a status of 500 or more, of gRPC as well. 501 and 505 say something about the request, and clients that go
/// away, or are told 429, say nothing. Clients other than the two that failed most may contradict, as they may where breakers are
/// concerned.
/// </summary>
internal sealed class FailureRatePolicy(IDestinationHealthUpdater updater, HealthReasons reasons, TimeProvider time)
    : IPassiveHealthCheckPolicy
{
    /// <summary>How long a destination stays out when the cluster does not say.</summary>
    public static readonly TimeSpan DefaultReactivation = TimeSpan.FromSeconds(60);

    private readonly ConditionalWeakTable<ClusterModel, FailureRateOptions> _options = [];
    private readonly ConditionalWeakTable<DestinationState, Outcomes> _outcomes = [];

    public string Name => "FailureRate";

    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        var address = destination.Model.Config.Address;
        if (Judge(context) is not { } verdict || (context.Edge().SentTo is { } sentTo && sentTo != address))
        {
            return; // the latter: a reload has given the destination another address since
        }

        var options = _options.GetValue(cluster.Model, static model => FailureRateOptions.Of(model.Config));
        var share = ShareOf(destination, address, options);
        var now = time.GetElapsedTime(0);
        var edge = context.Edge();
        share.Add(verdict, verdict != Verdict.Success || share.AsksForClients ? edge.Client : edge.KnownClient, now);
        if (verdict == Verdict.Success)
        {
            if (destination.Health.Passive == DestinationHealth.Unknown)
            {
                reasons.NotePassive(destination, "a request succeeded");
                updater.SetPassive(cluster, destination, DestinationHealth.Healthy, TimeSpan.Zero);
            }

            return;
        }

        if (share.Exceeds(options.RateLimit, options.MinimalTotal, now) is var (total, failures))
        {
            share.Clear();
            reasons.NotePassive(destination, $"{failures} of {total} requests failed, the last: {FailureOf(context)}");
            var reactivation = cluster.Model.Config.HealthCheck?.Passive?.ReactivationPeriod ?? DefaultReactivation;
            updater.SetPassive(cluster, destination, DestinationHealth.Unhealthy, reactivation);
        }
    }

    /// <summary>What was counted over another window, or at another address, says nothing: counting begins anew.</summary>
    private FailureShare ShareOf(DestinationState destination, string address, FailureRateOptions options)
    {
        if (!_outcomes.TryGetValue(destination, out var known) || known.Length != options.Window || known.Address != address)
        {
            known = new Outcomes(options.Window, address, new FailureShare(options.Window));
            _outcomes.AddOrUpdate(destination, known);
        }

        return known.Share;
    }

    /// <summary>Whether the destination has failed, and whether a client could cause it; null when the request says nothing.</summary>
    private Verdict? Judge(HttpContext context) => context.GetForwarderErrorFeature() switch
    {
        { Exception: HttpRequestException { HttpRequestError: HttpRequestError.ExtendedConnectNotSupported } } => null,
        { Exception: { } exception } when UpstreamFaults.Of(exception) == UpstreamFault.EdgeExhausted => null, // the edge's own doing

        { Exception: var exception } when UpstreamFaults.Of(exception) is UpstreamFault.Prohibited or UpstreamFault.FieldsTooLarge
            || Http2Codes.IsEndOfConnection(exception) || Http2Codes.IsCalm(exception) => null,

        // Beside the answer rather than instead of it: it came before the body was through, and is what counts.
        { Error: ForwarderError.RequestBodyDestination, Exception: not AggregateException } => Judge(context, ForwarderError.None),
        var report => Judge(context, report?.Error),
    };

    private Verdict? Judge(HttpContext context, ForwarderError? error) => error switch
    {
        ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination
            when context.Edge().Upgraded is { HasCarried: true } => Verdict.Success,
        ForwarderError.ResponseBodyDestination when context.Response.Body is WatchedOutput { IsHeldUp: true } => null,
        ForwarderError.Request or ForwarderError.RequestBodyDestination when context.Request.Body is Upload { IsHeldUp: true } upload
            && (upload.WasCutOff || UpstreamFaults.Of(context.GetForwarderErrorFeature()?.Exception) == UpstreamFault.Closed) => null,
        null or ForwarderError.None => OfResponse(context),
        ForwarderError.Request or ForwarderError.RequestTimedOut
            when IsUnreachable(context.GetForwarderErrorFeature()!.Exception) => Verdict.Unreachable,
        ForwarderError.Request or ForwarderError.RequestTimedOut or ForwarderError.RequestBodyDestination
            or ForwarderError.ResponseHeaders or ForwarderError.ResponseBodyDestination
            or ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination => Verdict.HardFailure,
        ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
            when context.IsPastDeadline() && context.Edge() is { IsClientsDeadline: false, AttemptAt: var attemptAt }
                && !RouteTime.WasShort(context, attemptAt, time) && !ClientKeptWaiting(context) => Verdict.HardFailure,
        _ => null,
    };

    private static Verdict? OfResponse(HttpContext context) => VerdictOf(context) switch
    {
        Verdict.None => null,
        Verdict.Alive => Verdict.Success, // it has answered
        var verdict => verdict,
    };

    private static Verdict VerdictOf(HttpContext context) => GrpcStatusOf(context) is { } grpc
        ? Verdicts.OfGrpc(grpc, context.Edge().IsClientsDeadline)
        : Verdicts.OfStatus(context.Response.StatusCode);

    /// <summary>Of a gRPC response that is nothing but its status, which stands beside 200.</summary>
    private static string? GrpcStatusOf(HttpContext context) =>
        GrpcAnswer.IsExpected(context.Request.ContentType) && context.Response.Headers.TryGetValue("grpc-status", out var grpc)
        && grpc.Count == 1
            ? grpc[0]
            : null;

    private static bool IsUnreachable(Exception? exception) => exception is not null
        && Verdicts.OfFailure(AttemptOutcome.Of(exception, false, isGivenUp: exception.InnerException is not TimeoutException))
            == Verdict.Unreachable;

    /// <summary>Of a request that has failed: the code of its error, or the status of an answer that goes to the client as it is.</summary>
    private static string FailureOf(HttpContext context) =>
        context.GetForwarderErrorFeature() is { } report
        && ForwarderErrors.ToEdgeError(context, report, context.IsPastDeadline()) is { } error
            ? error.Code
            : GrpcStatusOf(context) is { } grpc ? $"grpc-status {grpc}" : $"status {context.Response.StatusCode}";

    /// <summary>When the route's time was over, the client's body was waited for, or the client to take the answer's.</summary>
    private static bool ClientKeptWaiting(HttpContext context) =>
        context.Request.Body is Upload { ClientKeptWaiting: true }
        || context.Response.Body is WatchedOutput { ClientKeptWaiting: true } or WatchedOutput { IsHeldUp: true };

    /// <summary>How requests to one address fared.</summary>
    private sealed record Outcomes(TimeSpan Length, string Address, FailureShare Share);
}
