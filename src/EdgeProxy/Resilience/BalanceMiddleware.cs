using EdgeProxy.Errors;
using EdgeProxy.Shedding;
using EdgeProxy.Upstreams;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// Chooses the destination of a request's first attempt, in place of YARP's balancing. In a cluster with `Concurrency` the request
/// first gets through the cluster's gate, or waits in front of it.
/// </summary>
internal sealed class BalanceMiddleware(RequestDelegate next, Balancer balancer, GateQueue queue, OwnConnections owners)
{
    public Task Invoke(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        var pick = PickContext.Of(context, proxy.Route.Cluster!, context.MayHaveBody());
        var candidates = proxy.AvailableDestinations is DestinationsOfSessions sessions ? sessions.ForAll : proxy.AvailableDestinations;
        if (owners.IsBound(context, pick.Cluster.ClusterId))
        {
            context.Edge().HasOwnConnection = true;
            candidates = owners.Narrow(context, pick.Cluster.ClusterId, candidates);
        }

        if (pick.Runtime.Gate is { } gate)
        {
            return EnterAsync(context, proxy, gate, new DestinationWaiter(balancer, pick, candidates));
        }

        var pass = balancer.ChooseFirst(pick, candidates, out var retryAfter);
        return GoOn(context, proxy, pass, retryAfter);
    }

    private async Task EnterAsync(HttpContext context, IReverseProxyFeature proxy, Gate gate, DestinationWaiter waiter)
    {
        if (!gate.TryEnter(waiter) && !await queue.WaitAsync(gate, waiter, context))
        {
            return;
        }

        var upload = gate.Uploads.Enter(context.Edge());
        try
        {
            await GoOn(context, proxy, waiter.Pass, waiter.RetryAfter);
        }
        finally
        {
            gate.Uploads.Leave(upload);
            gate.Leave();
        }
    }

    private Task GoOn(HttpContext context, IReverseProxyFeature proxy, AttemptPass pass, TimeSpan? retryAfter)
    {
        if (pass.Destination is { } destination)
        {
            proxy.AvailableDestinations = destination;
            context.Edge().Attempt = pass;
            return next(context);
        }

        if (retryAfter is { } wait)
        {
            context.Edge().Failure ??= new EdgeFailure(EdgeErrors.CircuitOpen)
            {
                RetryAfterSeconds = (int)Math.Max(1, Math.Ceiling(wait.TotalSeconds)),
                Cause = CircuitCause.Of(proxy.Route.Cluster!),
            };
            return Task.CompletedTask;
        }

        proxy.AvailableDestinations = []; // which the forwarder answers
        return next(context);
    }

    /// <summary>Enters when there is a destination with room, or when waiting for one would be no use.</summary>
    private sealed class DestinationWaiter(Balancer balancer, PickContext pick, IReadOnlyList<DestinationState> candidates) : GateWaiter
    {
        private bool _hasWaited;

        public AttemptPass Pass { get; private set; }

        /// <summary>When breakers let no attempt through: how long to wait.</summary>
        public TimeSpan? RetryAfter { get; private set; }

        public override bool TryTake()
        {
            Pass = balancer.ChooseFirst(pick, Candidates(), out var retryAfter);
            RetryAfter = retryAfter;
            _hasWaited = true;
            return !Pass.IsFull;
        }

        /// <summary>Of one that has waited, those of now; a session stays bound to a destination that is sound.</summary>
        private IReadOnlyList<DestinationState> Candidates() =>
            !_hasWaited || (candidates.Count == 1 && AvailabilityPolicy.IsSound(candidates[0]))
                ? candidates
                : pick.Cluster.DestinationsState.AvailableDestinations;
    }
}
