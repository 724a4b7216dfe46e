using System.Globalization;
using System.Runtime.CompilerServices;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// The active policy `ConsecutiveFailures`, in place of YARP's: there a destination that has never been healthy gets traffic until
/// its probes have failed as often as those of a healthy one. Here its first probe decides.
/// </summary>
internal sealed class ConsecutiveFailuresPolicy(
    IDestinationHealthUpdater updater, HealthReasons reasons, Breakers breakers) : IActiveHealthCheckPolicy
{
    private const string ThresholdKey = "ConsecutiveFailuresHealthPolicy.Threshold";

    /// <summary>Failed probes in a row that make a healthy destination unhealthy, as in YARP.</summary>
    private const double DefaultThreshold = 2;

    private readonly ConditionalWeakTable<DestinationState, StrongBox<int>> _failures = [];

    public string Name => HealthCheckConstants.ActivePolicy.ConsecutiveFailures;

    public void ProbingCompleted(ClusterState cluster, IReadOnlyList<DestinationProbingResult> probingResults)
    {
        var threshold = ThresholdOf(cluster);
        var states = new List<NewActiveDestinationHealth>(probingResults.Count);
        var passed = new List<DestinationState>(probingResults.Count);
        foreach (var result in probingResults)
        {
            var config = result.Destination.Model.Config;
            if (ProbedAddress.IsStillOf(config.Health ?? config.Address, result) && !IsTheEdges(result))
            {
                var health = Judge(result, threshold);
                states.Add(new NewActiveDestinationHealth(result.Destination, health));
                if (IsPassed(result) == (health == DestinationHealth.Healthy)) // a failed one too leaves it healthy for a while
                {
                    reasons.NoteActive(result.Destination, ReasonOf(result));
                }

                if (IsPassed(result))
                {
                    passed.Add(result.Destination);
                }
            }
        }

        updater.SetActive(cluster, states);
        passed.ForEach(destination => breakers.Answered(cluster, destination));
    }

    /// <summary>The edge had no descriptor or port for the probe.</summary>
    private static bool IsTheEdges(DestinationProbingResult result) =>
        UpstreamFaults.Of(result.Exception) == UpstreamFault.EdgeExhausted;

    private static bool IsPassed(DestinationProbingResult result) => result.Response is { IsSuccessStatusCode: true };

    private DestinationHealth Judge(DestinationProbingResult result, double threshold)
    {
        var failures = _failures.GetOrCreateValue(result.Destination);
        if (IsPassed(result))
        {
            failures.Value = 0;
            return DestinationHealth.Healthy;
        }

        failures.Value++;
        var current = result.Destination.Health.Active;
        return current == DestinationHealth.Unknown || failures.Value >= threshold ? DestinationHealth.Unhealthy : current;
    }

    private static double ThresholdOf(ClusterState cluster) =>
        cluster.Model.Config.Metadata?.TryGetValue(ThresholdKey, out var text) is true
        && double.TryParse(text, CultureInfo.InvariantCulture, out var threshold)
            ? threshold
            : DefaultThreshold;

    private static string ReasonOf(DestinationProbingResult result) => result switch
    {
        { Response: { } answer } => $"probe answered {(int)answer.StatusCode}",
        { Exception: OperationCanceledException } => "probe timed out",
        _ => $"probe failed: {result.Exception?.GetBaseException().Message}",
    };
}
