using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>Requests of one client to several nodes that share a bucket.</summary>
internal sealed record Scenario(string Name, long Capacity, long PerSecond, double Rate)
{
    public int Nodes { get; init; } = 8;

    public double Seconds { get; init; } = 30;

    /// <summary>Requests a second at a time in seconds; <see cref="Rate"/> throughout unless given.</summary>
    public Func<double, double>? Load { get; init; }

    /// <summary>Which node gets a request: time in seconds, a number in [0, 1), and the number of nodes.</summary>
    public Func<double, double, int, int> Choose { get; init; } = static (_, where, nodes) => (int)(where * nodes);

    public (double From, double To) Pause { get; init; }

    /// <summary>Which fraction of the ways to and from the store is late by 5 to 40 ms.</summary>
    public double Late { get; init; }

    public DecisionMode Decide { get; init; } = DecisionMode.Leased;

    public LeaseOptions Options { get; init; } = LeaseOptions.Default;

    public Outcome Run(int seed = 1) => new SimulatedRun(this, seed).Run();
}

/// <summary>What came of a scenario.</summary>
/// <param name="OfOracle">Admitted, as a fraction of what one bucket asked directly would have admitted.</param>
/// <param name="Over">By how many tokens at most more was admitted than one bucket could have; 0: never.</param>
/// <param name="CallsPerRequest">Questions to the store for each request.</param>
/// <param name="Waited">Fraction of the requests that waited for an answer.</param>
/// <param name="LongestWait">In microseconds.</param>
internal sealed record Outcome(double OfOracle, double Over, double CallsPerRequest, double Waited, long LongestWait, long Late);
