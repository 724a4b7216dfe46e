using System.Net;
using EdgeProxy.AccessLog;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Metrics;
using EdgeProxy.RateLimiting;
using EdgeProxy.Resilience;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;

namespace EdgeProxy;

/// <summary>What the edge knows of one request. One instance a request, kept as a feature of its HttpContext.</summary>
internal sealed class EdgeContext(Revision revision, string requestId, long startedAt)
{
    private long _clientTicks;

    /// <summary>
    /// The revision that serves this request, to its end: the active one when it began, then the one that its route is of.
    /// </summary>
    public Revision Revision { get; private set; } = revision;

    public string RequestId { get; } = requestId;

    /// <summary>Timestamp of <see cref="TimeProvider.GetTimestamp"/> when the request's head was complete.</summary>
    public long StartedAt { get; } = startedAt;

    /// <summary>`traceparent` as received. It counts only when it is valid.</summary>
    public string? ReceivedTraceParent { get; init; }

    /// <summary>The peer's `X-Forwarded-*` and `X-Request-Id` are believed: it is one of `TrustedProxies`.</summary>
    public bool PeerIsTrusted { get; init; }

    /// <summary>The request came with a valid `traceparent`, so that its `tracestate` holds too.</summary>
    public bool ContinuesTrace => Yarp.TraceParent.IsValid(ReceivedTraceParent);

    /// <summary>`traceparent` toward the destination, made at first use.</summary>
    public string TraceParent => field ??= Yarp.TraceParent.Next(ReceivedTraceParent);

    /// <summary>Id of the trace that this request belongs to: 32 hexadecimal digits.</summary>
    public string TraceId => Yarp.TraceParent.TraceIdOf(TraceParent);

    /// <summary>Somebody keeps this trace: its sampled flag is set.</summary>
    public bool IsTraced => Yarp.TraceParent.IsSampled(TraceParent);

    /// <summary>
    /// Time spent on destinations, in ticks of <see cref="TimeProvider.GetTimestamp"/>: attempts up to the answer's head, then the copying
    /// of its body. Time in which the client was waited for meanwhile is not among it.
    /// </summary>
    public long UpstreamTicks { get; set; }

    /// <summary>
    /// Time that the client was waited for, in ticks of <see cref="TimeProvider.GetTimestamp"/>: to send its body, and to take the answer
    /// where that is watched.
    /// </summary>
    public long ClientTicks => Volatile.Read(ref _clientTicks);

    /// <summary>The client was waited for.</summary>
    public void WaitedForClient(long ticks) => Interlocked.Add(ref _clientTicks, ticks);

    /// <summary><see cref="ClientTicks"/> at <see cref="HeadAt"/>.</summary>
    public long ClientTicksAtHead { get; set; }

    /// <summary>What of <paramref name="ticks"/> was not spent waiting for the client.</summary>
    /// <param name="before"><see cref="ClientTicks"/> at their beginning.</param>
    public long WithoutClient(long ticks, long before) => Math.Max(0, ticks - (ClientTicks - before));

    /// <summary>Bytes of the request's body that were read, as far as they came.</summary>
    public long BytesIn { get; set; }

    /// <summary>The body as it arrives from the client; null: the request has none, or may turn into something else.</summary>
    public IReceivedBody? ReceivedBody { get; set; }

    /// <summary>Time that the request waited at bounds of `Concurrency`, in ticks of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long QueuedTicks { get; set; }

    /// <summary>What the edge was overloaded by when it refused the request for that; null when it did not.</summary>
    public string? ShedBy { get; set; }

    /// <summary>Signalled when the forwarder gives the request up: after too long a silence, among others.</summary>
    public CancellationToken Forwarding { get; set; }

    /// <summary>Timestamp of the end of the last wait for an answer's head, whether one came or not; 0 when there was none.</summary>
    public long HeadAt { get; set; }

    /// <summary>Timestamp of the beginning of the last attempt; 0 when there was none.</summary>
    public long AttemptAt { get; set; }

    /// <summary>The attempt that is under way, from the choice of its destination to the end of its answer.</summary>
    public AttemptPass Attempt { get; set; }

    /// <summary>The answer under way, if it is short and its rest is waited for.</summary>
    public OverdueAnswer? Overdue { get; set; }

    /// <summary>The attempt goes on a connection that carries a user's identity: it is made once, its response is for that user.</summary>
    public bool HasOwnConnection { get; set; }

    /// <summary>Attempts that a route with `Retry` took, once they are over; 0 elsewhere.</summary>
    public int AttemptsMade { get; set; }

    /// <summary>What the route does with the outcome of the attempts; null: passes it on.</summary>
    public FallbackStrategy? Fallback { get; set; }

    /// <summary>The fallback that answered, such as `cluster`; null: none did.</summary>
    public string? FallbackKind { get; set; }

    /// <summary>What the fallback stands in for, such as `circuit_open`, or the status of an answer; null: none answered.</summary>
    public string? FallbackCause { get; set; }

    /// <summary>How long destinations are waited for: as the route says, or for the cluster that stands in for the route's own.</summary>
    public TimeoutSettings Timeouts => OtherTimeouts ?? Route!.Timeouts;

    /// <summary>Not null while another cluster stands in for the route's own.</summary>
    public TimeoutSettings? OtherTimeouts { get; set; }

    /// <summary>The route's time for the request has run out, and that is what ended the forward.</summary>
    public bool DeadlinePassed { get; set; }

    /// <summary>The answer was complete before the client's body was: it may still send.</summary>
    public bool UploadEndedEarly { get; set; }

    /// <summary>Called when the request body goes to an HTTP/1.1 connection, where gRPC does not exist. Null: nothing to do then.</summary>
    public Action? BodyGoesToHttp1 { get; set; }

    /// <summary>Time for the whole request from <see cref="StartedAt"/>: the route's, or the client's if shorter; null: none.</summary>
    public TimeSpan? TimeAllowed { get; set; }

    /// <summary>The client set <see cref="TimeAllowed"/>: that it runs out says nothing about a destination.</summary>
    public bool IsClientsDeadline { get; set; }

    /// <summary>The client has left after a wait for the head of a response that was longer than its route expects.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>When the forward was ended, the client's body was what was being waited for.</summary>
    public bool ClientKeptWaiting { get; set; }

    /// <summary>
    /// Whether the client of a WebSocket has got a Close: how its upstream's connection ends after that says nothing. Null: no WebSocket.
    /// </summary>
    public Func<bool>? HasGotClose { get; set; }

    /// <summary>How many edges the request has come through before this one.</summary>
    public int Hops { get; set; }

    /// <summary>Path and query toward the destination, when transforms of the route change them; null: they leave as they came.</summary>
    public Yarp.RequestTarget? Target { get; set; }

    /// <summary>The destination's side of an accepted upgrade; null: none was accepted.</summary>
    public UpgradedStream? Upgraded { get; set; }

    /// <summary>Address of the destination that the request was sent to last; null when to none.</summary>
    public string? SentTo { get; set; }

    /// <summary>Settings of the matched route; null before routing and when no route matched.</summary>
    public RouteSettings? Route { get; private set; }

    /// <summary>Where the request came from, behind trusted proxies too; none until <see cref="ClientMiddleware"/> has looked.</summary>
    public IPAddress ClientAddress { get; set; } = IPAddress.None;

    /// <summary>Whose credential came with the request; null when nobody's.</summary>
    public Client? KnownClient { get; set; }

    /// <summary>Who is calling, once <see cref="ClientMiddleware"/> has looked. Made at first use: many routes never ask.</summary>
    public Client Client => KnownClient ?? (field ??= Client.At(ClientAddress, Revision.Clients.AnonymousIpv6Prefix));

    /// <summary>The failure that <see cref="ErrorMiddleware"/> is to answer with; null when all is well.</summary>
    public EdgeFailure? Failure { get; set; }

    /// <summary>What the limits of the route said; null on routes without limits.</summary>
    public RateLimitVerdict? RateLimits { get; set; }

    /// <summary>The status that the client got was made by the edge, not by a destination.</summary>
    public bool AnsweredByEdge { get; set; }

    /// <summary>Where attempts are noted for whoever is to read of them; null, as nearly always: nobody is.</summary>
    public DecisionRecord? Record { get; init; }

    /// <summary>The sum that counts this request as under way; null before its route is known.</summary>
    public StripedSum? InFlight { get; set; }

    /// <summary>The request has matched a route of <paramref name="revision"/>, which may be newer than when it began.</summary>
    public void Match(Revision revision, RouteSettings route)
    {
        Revision = revision;
        Route = route;
    }
}

internal static class EdgeContextExtensions
{
    /// <summary>The request's <see cref="EdgeContext"/>. Set by the first middleware; absent nowhere below it.</summary>
    public static EdgeContext Edge(this HttpContext context) =>
        context.Features.Get<EdgeContext>()
        ?? throw new InvalidOperationException("The request has not passed EdgeContextMiddleware.");

    /// <summary>False only when the request surely has no body.</summary>
    public static bool MayHaveBody(this HttpContext context) =>
        context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: false };

    /// <summary>The request may turn into something else than an exchange of messages, such as a WebSocket.</summary>
    public static bool AsksForUpgrade(this HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };

    /// <summary>Whether the route's time for the request has run out. Who asks stands below the platform's request timeouts.</summary>
    public static bool IsPastDeadline(this HttpContext context) =>
        context.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken.IsCancellationRequested is true;

    /// <summary>Ends the request with an error of the catalogue. The first failure of a request stands.</summary>
    public static void Fail(this HttpContext context, EdgeError error, int? retryAfterSeconds = null) =>
        context.Edge().Failure ??= new EdgeFailure(error) { RetryAfterSeconds = retryAfterSeconds };
}
