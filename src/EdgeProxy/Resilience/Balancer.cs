using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>Chooses destinations for attempts: what the policy says, as far as breakers let it.</summary>
internal sealed class Balancer(DestinationPicker picker, Breakers breakers, Random random)
{
    /// <summary>Retry-After of a breaker that is half-open or recovering.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    /// <param name="candidates">Destinations that may be chosen: the available ones, less those that were tried.</param>
    /// <param name="hasBody">The request has a body that could not be sent again.</param>
    /// <param name="retryAfter">When breakers let no attempt through: how long to wait. Null: there was no candidate.</param>
    /// <returns>A pass for an attempt that begins now; none when there can be no attempt.</returns>
    public AttemptPass Choose(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> candidates, bool hasBody, out TimeSpan? retryAfter)
    {
        retryAfter = null;
        if (ClusterRuntime.Of(cluster).IsTroubled)
        {
            return ChooseWithCare(context, cluster, candidates, hasBody, out retryAfter);
        }

        return picker.Pick(context, cluster, candidates) is { } destination ? AttemptPass.Enter(cluster, destination) : default;
    }

    private AttemptPass ChooseWithCare(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> candidates, bool hasBody, out TimeSpan? retryAfter)
    {
        var runtime = ClusterRuntime.Of(cluster);
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
                return ChooseAmong(context, cluster, candidates, hasBody, now);
        }
    }

    /// <summary>Asks the policy until it names a destination that its own breaker lets it have.</summary>
    private AttemptPass ChooseAmong(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> candidates, bool hasBody, TimeSpan now)
    {
        var runtime = ClusterRuntime.Of(cluster);
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
                return AttemptPass.Enter(cluster, picked);
            }
            else
            {
                spare ??= picked; // its share is used up, but it is better than nothing
            }

            candidates = [.. candidates.Where(candidate => candidate != picked)];
        }

        return spare is null ? default : AttemptPass.Enter(cluster, spare);
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
