using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// An attempt's leave to use a destination. It counts as in flight there from the choice to <see cref="Breakers.Leave"/>; in between
/// <see cref="Breakers.Report"/> says once how it went.
/// </summary>
internal readonly struct AttemptPass
{
    public static AttemptPass None => default;

    /// <summary>Null: no attempt is under way.</summary>
    public ClusterState? Cluster { get; private init; }

    public DestinationState? Destination { get; private init; }

    /// <summary>Kept from the choice on: the runtime that was counted up is the one to count down.</summary>
    public DestinationRuntime? Runtime { get; private init; }

    /// <summary>Whose counts the verdict is for; of a probe, whose breaker it is to close.</summary>
    public Circuit? Circuit { get; private init; }

    public int Epoch { get; private init; }

    public bool IsProbe { get; private init; }

    public bool IsReported { get; private init; }

    /// <param name="probed">The circuit that this attempt is the probe of; null: it is none.</param>
    public static AttemptPass Enter(ClusterState cluster, DestinationState destination, Circuit? probed = null)
    {
        var runtime = DestinationRuntime.Of(destination);
        var circuit = probed ?? runtime.Circuit;
        runtime.Enter();
        return new AttemptPass
        {
            Cluster = cluster,
            Destination = destination,
            Runtime = runtime,
            Circuit = circuit,
            Epoch = circuit.Epoch,
            IsProbe = probed is not null,
        };
    }

    public AttemptPass Reported() => this with { IsReported = true };
}
