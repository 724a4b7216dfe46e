using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Chooses destinations for attempts: what the policy says, as far as breakers and bounds let it.</summary>
internal sealed class Balancer(DestinationPicker picker, Breakers breakers, Random random)
{
    /// <summary>Retry-After of a breaker that is half-open or recovering.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    /// <param name="candidates">Destinations that may be chosen: the available ones, less those that were tried.</param>
    /// <param name="hasBody">The request has a body that could not be sent again.</param>
    /// <param name="retryAfter">When breakers let no attempt through: how long to wait. Null: no candidate, or none with room.</param>
    /// <returns>A pass for an attempt that begins now; none when there can be no attempt.</returns>
    public AttemptPass Choose(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> candidates, bool hasBody, out TimeSpan? retryAfter) =>
        Choose(context, cluster, ClusterRuntime.Of(cluster), candidates, hasBody, out retryAfter);

    /// <summary>The same for a request's first attempt, which a session may have bound to one destination.</summary>
    public AttemptPass ChooseFirst(
        HttpContext context,
        IReverseProxyFeature proxy,
        ClusterRuntime runtime,
        IReadOnlyList<DestinationState> candidates,
        bool hasBody,
        out TimeSpan? retryAfter)
    {
        var cluster = proxy.Route.Cluster!;
        var pass = Choose(context, cluster, runtime, candidates, hasBody, out retryAfter);
        if (pass.Destination is null && (pass.IsFull || retryAfter is not null) && candidates.Count == 1 && proxy.AllDestinations.Count > 1)
        {
            // The one that its session is bound to is full, or being probed by another request.
            var others = cluster.DestinationsState.AvailableDestinations;
            pass = others.Count > 1 ? Choose(context, cluster, runtime, others, hasBody, out retryAfter) : pass;
        }

        return pass;
    }

    private AttemptPass Choose(
        HttpContext context,
        ClusterState cluster,
        ClusterRuntime runtime,
        IReadOnlyList<DestinationState> candidates,
        bool hasBody,
        out TimeSpan? retryAfter)
    {
        retryAfter = null;
        if (runtime.Gate?.Bounds.MaxPerDestination is { } room)
        {
            return ChooseWithRoom(context, cluster, runtime, candidates, hasBody, room, out retryAfter);
        }

        if (runtime.IsTroubled)
        {
            return ChooseWithCare(context, cluster, runtime, candidates, hasBody, int.MaxValue, out retryAfter);
        }

        return picker.Pick(context, cluster, candidates) is { } destination ? AttemptPass.Enter(cluster, destination) : default;
    }

    /// <summary>A destination with <paramref name="room"/> attempts under way is no candidate.</summary>
    private AttemptPass ChooseWithRoom(
        HttpContext context,
        ClusterState cluster,
        ClusterRuntime runtime,
        IReadOnlyList<DestinationState> candidates,
        bool hasBody,
        int room,
        out TimeSpan? retryAfter)
    {
        if (runtime.IsTroubled && runtime.Circuit.Breaker.State == BreakerState.Open)
        {
            return ChooseWithCare(context, cluster, runtime, candidates, hasBody, room, out retryAfter); // nothing to wait for
        }

        retryAfter = null;
        while (candidates.Count > 0)
        {
            candidates = WithRoom(candidates, room);
            var pass = candidates.Count == 0 ? AttemptPass.Full
                : runtime.IsTroubled ? ChooseWithCare(context, cluster, runtime, candidates, hasBody, room, out retryAfter)
                : AttemptPass.TryEnter(cluster, picker.Pick(context, cluster, candidates)!, room);
            if (!pass.IsFull || candidates.Count == 0)
            {
                return pass;
            }
        }

        return default;
    }

    private static IReadOnlyList<DestinationState> WithRoom(IReadOnlyList<DestinationState> candidates, int room)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            if (DestinationRuntime.Of(candidates[i]).InFlight >= room)
            {
                return [.. candidates.Where(candidate => DestinationRuntime.Of(candidate).InFlight < room)];
            }
        }

        return candidates;
    }

    private AttemptPass ChooseWithCare(
        HttpContext context,
        ClusterState cluster,
        ClusterRuntime runtime,
        IReadOnlyList<DestinationState> candidates,
        bool hasBody,
        int room,
        out TimeSpan? retryAfter)
    {
        var now = breakers.Now;
        var breaker = runtime.Circuit.Breaker;
        retryAfter = candidates.Count == 0 ? null : Soon;
        switch (breaker.State)
        {
            case BreakerState.Open:
                retryAfter = breaker.Remaining(now);
                return default;
            case BreakerState.HalfOpen:
                return Probe(runtime, runtime.Circuit, now, canWait: false) && picker.Pick(context, cluster, candidates) is { } probed
                    ? AttemptPass.Enter(cluster, probed, runtime.Circuit)
                    : default;
            case BreakerState.Recovering when random.NextDouble() >= breaker.Share(now):
                return default;
            default:
                return ChooseAmong(context, cluster, runtime, candidates, hasBody, room, now);
        }
    }

    /// <summary>Asks the policy until it names a destination that its own breaker lets it have.</summary>
    private AttemptPass ChooseAmong(
        HttpContext context,
        ClusterState cluster,
        ClusterRuntime runtime,
        IReadOnlyList<DestinationState> candidates,
        bool hasBody,
        int room,
        TimeSpan now)
    {
        DestinationState? spare = null;
        while (picker.Pick(context, cluster, candidates) is { } picked)
        {
            var known = DestinationRuntime.Of(picked);
            if (known.Circuit.Breaker.State == BreakerState.HalfOpen)
            {
                if (Probe(runtime, known.Circuit, now, canWait: hasBody && candidates.Count > 1))
                {
                    return AttemptPass.Enter(cluster, picked, known.Circuit);
                }
            }
            else if (random.NextDouble() < known.Share(now, runtime.Settings.SlowStart))
            {
                return AttemptPass.TryEnter(cluster, picked, room);
            }
            else
            {
                spare ??= picked; // its share is used up, but it is better than nothing
            }

            candidates = [.. candidates.Where(candidate => candidate != picked)];
        }

        return spare is null ? default : AttemptPass.TryEnter(cluster, spare, room);
    }

    private static bool Probe(ClusterRuntime cluster, Circuit circuit, TimeSpan now, bool canWait)
    {
        if (circuit.Breaker.IsProbing(now))
        {
            return false; // most find it so, and need not wait to be told
        }

        lock (cluster.Changing)
        {
            return circuit.Breaker.TryProbe(now, canWait);
        }
    }
}
