using EdgeProxy.Clients;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>The request that a destination is chosen for, and the cluster that it is to be one of.</summary>
/// <param name="Runtime">The cluster's own.</param>
/// <param name="HasBody">The request has a body that could not be sent again.</param>
internal readonly record struct PickContext(HttpContext Client, ClusterState Cluster, ClusterRuntime Runtime, bool HasBody)
{
    /// <summary>The attempt could be left out: a half-open destination is for requests that need one.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Where the attempt before is over, whose place this one may take over; null: nowhere.</summary>
    public DestinationRuntime? Vacating { get; init; }

    /// <summary>Null where nobody has looked what request it is.</summary>
    public EdgeContext? Edge => Client.Features.Get<EdgeContext>();

    public static PickContext Of(HttpContext client, ClusterState cluster, bool hasBody) =>
        new(client, cluster, ClusterRuntime.Of(cluster), hasBody);
}

/// <summary>Chooses destinations for attempts: what the policy says, as far as breakers and bounds let it.</summary>
internal sealed class Balancer(DestinationPicker picker, Breakers breakers, Random random)
{
    /// <summary>Retry-After of a breaker that is half-open or recovering.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    /// <param name="candidates">Destinations that may be chosen: the available ones, less those that were tried.</param>
    /// <param name="retryAfter">When breakers let no attempt through: how long to wait. Null: no candidate, or none with room.</param>
    /// <returns>A pass for an attempt that begins now; none when there can be no attempt.</returns>
    public AttemptPass Choose(in PickContext pick, IReadOnlyList<DestinationState> candidates, out TimeSpan? retryAfter)
    {
        retryAfter = null;
        if (pick.Runtime.Gate?.Bounds.MaxPerDestination is { } room)
        {
            return ChooseWithRoom(pick, candidates, room, out retryAfter);
        }

        if (pick.Runtime.IsTroubled)
        {
            return ChooseWithCare(pick, candidates, int.MaxValue, out retryAfter);
        }

        return Pick(pick, candidates) is { } destination ? AttemptPass.Enter(pick.Cluster, destination, pick.Edge) : default;
    }

    /// <summary>The same for a request's first attempt, which a session may have bound to one destination.</summary>
    public AttemptPass ChooseFirst(in PickContext pick, IReadOnlyList<DestinationState> candidates, out TimeSpan? retryAfter)
    {
        var pass = Choose(pick, candidates, out retryAfter);
        if (pass.Destination is null && (pass.IsFull || retryAfter is not null)
            && candidates.Count == 1 && pick.Client.GetReverseProxyFeature().AllDestinations.Count > 1)
        {
            // The one that its session is bound to is full, or being probed by another request.
            var others = pick.Cluster.DestinationsState.AvailableDestinations;
            pass = others.Count > 1 ? Choose(pick, others, out retryAfter) : pass;
        }

        return pass;
    }

    /// <summary>A destination with <paramref name="room"/> attempts under way is no candidate.</summary>
    private AttemptPass ChooseWithRoom(
        in PickContext pick, IReadOnlyList<DestinationState> candidates, int room, out TimeSpan? retryAfter)
    {
        if (pick.Runtime.IsTroubled && pick.Runtime.Circuit.Breaker.State == BreakerState.Open)
        {
            return ChooseWithCare(pick, candidates, room, out retryAfter); // nothing to wait for
        }

        retryAfter = null;
        while (candidates.Count > 0)
        {
            candidates = WithRoom(pick, candidates, room);
            var pass = candidates.Count == 0 ? AttemptPass.Full
                : pick.Runtime.IsTroubled ? ChooseWithCare(pick, candidates, room, out retryAfter)
                : TryEnter(pick, Pick(pick, candidates)!, room);
            if (!pass.IsFull || candidates.Count == 0)
            {
                return pass;
            }
        }

        return default;
    }

    private static IReadOnlyList<DestinationState> WithRoom(
        in PickContext pick, IReadOnlyList<DestinationState> candidates, int room)
    {
        var vacating = pick.Vacating;
        for (var i = 0; i < candidates.Count; i++)
        {
            if (!HasRoom(candidates[i], room, vacating))
            {
                return [.. candidates.Where(candidate => HasRoom(candidate, room, vacating))];
            }
        }

        return candidates;
    }

    private static bool HasRoom(DestinationState destination, int room, DestinationRuntime? vacating) =>
        DestinationRuntime.Of(destination) is var known && (known.InFlight < room || known == vacating);

    private AttemptPass ChooseWithCare(
        in PickContext pick, IReadOnlyList<DestinationState> candidates, int room, out TimeSpan? retryAfter)
    {
        var now = breakers.Now;
        var circuit = pick.Runtime.Circuit;
        pick.Runtime.Askers.Note(CallerOf(pick), now);
        retryAfter = candidates.Count == 0 ? null : Soon;
        switch (circuit.Breaker.State)
        {
            case BreakerState.Open:
                retryAfter = circuit.Breaker.Remaining(now);
                return default;
            case BreakerState.HalfOpen:
                return CanProbe(pick, circuit, now) && Pick(pick, candidates) is { } probed
                    ? TryProbe(pick, probed, room, circuit, now, canWait: false)
                    : default;
            case BreakerState.Recovering when random.NextDouble() >= circuit.Breaker.Share(now):
                return default;
            default:
                return ChooseAmong(pick, candidates, room, now);
        }
    }

    /// <summary>Asks the policy until it names a destination that its own breaker lets it have.</summary>
    private AttemptPass ChooseAmong(in PickContext pick, IReadOnlyList<DestinationState> candidates, int room, TimeSpan now)
    {
        DestinationState? spare = null;
        while (Pick(pick, candidates) is { } picked)
        {
            var known = DestinationRuntime.Of(picked);
            if (known.Circuit.Breaker.State == BreakerState.HalfOpen)
            {
                var canWait = pick.HasBody && candidates.Count > 1;
                var probe = TryProbe(pick, picked, room, known.Circuit, now, canWait);
                if (probe.Destination is not null || probe.IsFull)
                {
                    return probe;
                }
            }
            else if (random.NextDouble() < known.Share(now, pick.Runtime.Settings.SlowStart))
            {
                return TryEnter(pick, picked, room);
            }
            else
            {
                spare ??= picked; // its share is used up, but it is better than nothing
            }

            candidates = [.. candidates.Where(candidate => candidate != picked)];
        }

        return spare is null ? default : TryEnter(pick, spare, room);
    }

    private DestinationState? Pick(in PickContext pick, IReadOnlyList<DestinationState> candidates) =>
        picker.Pick(pick.Client, pick.Cluster, candidates);

    private static AttemptPass TryEnter(in PickContext pick, DestinationState destination, int room, Circuit? probed = null) =>
        AttemptPass.TryEnter(pick.Cluster, destination, room, probed, pick.Vacating, pick.Edge);

    private static Client CallerOf(in PickContext pick) => pick.Edge?.Client ?? Client.Unknown;

    /// <summary>Most find that they cannot, and need not wait to be told.</summary>
    private static bool CanProbe(in PickContext pick, Circuit circuit, TimeSpan now) =>
        !pick.IsOptional && !circuit.Breaker.IsProbing(now);

    /// <summary>A pass for a probe; full when there is no room for it, and none when it is not the time for one.</summary>
    private static AttemptPass TryProbe(
        in PickContext pick, DestinationState destination, int room, Circuit circuit, TimeSpan now, bool canWait)
    {
        if (!CanProbe(pick, circuit, now))
        {
            return default;
        }

        lock (pick.Runtime.Changing)
        {
            var caller = CallerOf(pick);
            if (!circuit.Breaker.MayProbe(now, canWait) || !circuit.Turns.IsTurnOf(caller, pick.Runtime.Askers, now))
            {
                return default;
            }

            var pass = TryEnter(pick, destination, room, circuit);
            if (!pass.IsFull)
            {
                circuit.Breaker.BeginProbe(now);
                circuit.Turns.Probe(caller, now);
            }

            return pass;
        }
    }
}
