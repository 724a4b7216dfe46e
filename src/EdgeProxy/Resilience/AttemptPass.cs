using EdgeProxy.Clients;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// An attempt's leave to use a destination. It counts as in flight there from the choice to <see cref="Breakers.Leave"/>; in between
/// <see cref="Breakers.Report"/> says once how it went.
/// </summary>
internal readonly struct AttemptPass
{
    public static AttemptPass None => default;

    /// <summary>No attempt: every destination that could be chosen has as many as it may.</summary>
    public static AttemptPass Full => new() { IsFull = true };

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

    /// <summary>The failures in a row that its success has ended: if its answer breaks off, it has not.</summary>
    public FailureRow? EndedRow { get; private init; }

    /// <summary>Whose request it is: failures are counted by client.</summary>
    public Client Caller => Edge?.Client ?? Client.Unknown;

    /// <summary>The same, if it is identified.</summary>
    public Client? KnownCaller => Edge?.KnownClient;

    private EdgeContext? Edge { get; init; }

    /// <summary>Its answer has begun well; how it went shows with the answer's end.</summary>
    public bool IsUntilEnd { get; private init; }

    public bool IsFull { get; private init; }

    /// <summary>The attempt before has no place to leave: this one stands in it.</summary>
    public bool HasTakenOver { get; private init; }

    public static AttemptPass Enter(ClusterState cluster, DestinationState destination, EdgeContext? edge = null)
    {
        var runtime = DestinationRuntime.Of(destination);
        runtime.Enter();
        return Entered(cluster, destination, runtime, null, edge);
    }

    /// <summary>The same, unless the destination has <paramref name="max"/> attempts under way.</summary>
    /// <param name="probed">The circuit that this attempt is the probe of; null: it is none.</param>
    /// <param name="vacating">Where there is the place of the attempt before, if there is no other.</param>
    public static AttemptPass TryEnter(
        ClusterState cluster,
        DestinationState destination,
        int max,
        Circuit? probed,
        DestinationRuntime? vacating,
        EdgeContext? edge = null)
    {
        var runtime = DestinationRuntime.Of(destination);
        return runtime.TryEnter(max) ? Entered(cluster, destination, runtime, probed, edge)
            : runtime == vacating ? Entered(cluster, destination, runtime, probed, edge) with { HasTakenOver = true }
            : Full;
    }

    public AttemptPass WithoutPlace() => this with { Runtime = null };

    public AttemptPass Reported(FailureRow? endedRow) => this with { IsReported = true, EndedRow = endedRow };

    public AttemptPass UntilEnd() => this with { IsUntilEnd = true };

    private static AttemptPass Entered(
        ClusterState cluster, DestinationState destination, DestinationRuntime runtime, Circuit? probed, EdgeContext? edge)
    {
        var circuit = probed ?? runtime.Circuit;
        return new AttemptPass
        {
            Cluster = cluster,
            Destination = destination,
            Runtime = runtime,
            Circuit = circuit,
            Epoch = circuit.Epoch,
            IsProbe = probed is not null,
            Edge = edge,
        };
    }
}
