using System.Collections.Frozen;
using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>What the edge does for a cluster beyond YARP's own keys.</summary>
internal sealed record ClusterSettings
{
    public required string ClusterId { get; init; }

    public FrozenDictionary<string, DestinationSettings> Destinations { get; init; } =
        FrozenDictionary<string, DestinationSettings>.Empty;

    public TimeoutSettings Timeouts { get; init; } = new();

    public RetryBudgetSettings RetryBudget { get; init; } = new();

    public BreakerSettings Breaker { get; init; } = new();

    public EjectionSettings Ejection { get; init; } = new();

    /// <summary>How many of its requests may be under way at once; null: any number.</summary>
    public ConcurrencySettings? Concurrency { get; init; }

    /// <summary>Share of available destinations below which all that are up get requests. 0 to 1; 0, the default: never.</summary>
    public double PanicThreshold { get; init; }

    /// <summary>Time over which a destination that joins comes to its full share; zero, the default: at once.</summary>
    public TimeSpan SlowStart { get; init; }

    /// <summary>Field whose value `ConsistentHash` goes by; null: the client.</summary>
    public string? HashHeader { get; init; }

    /// <summary>All of it in one text: equal texts, equal settings.</summary>
    public string Stamp
    {
        get
        {
            var destinations = Destinations.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}");
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{Timeouts}\n{RetryBudget}\n{Breaker}\n{Ejection}\n{Concurrency}\n{PanicThreshold} {SlowStart} {HashHeader}\n")
                + string.Join('\n', destinations);
        }
    }

    public DestinationSettings Of(string destination) => Destinations.GetValueOrDefault(destination, DestinationSettings.Default);
}
