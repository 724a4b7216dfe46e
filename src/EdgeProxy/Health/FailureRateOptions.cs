using System.Globalization;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Health;

/// <summary>What the passive policy `FailureRate` is told by a cluster's `Metadata`. Values out of range are refused on reading.</summary>
internal sealed record FailureRateOptions
{
    public const string RateLimitKey = "FailureRateHealthPolicy.RateLimit";
    public const string MinimalTotalKey = "FailureRateHealthPolicy.MinimalTotal";
    public const string WindowKey = "FailureRateHealthPolicy.Window";

    private static readonly TimeSpan WindowMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WindowMax = TimeSpan.FromHours(1);

    /// <summary>Share of failures, over 0 to 1, from which a destination is unhealthy. Default 0.3.</summary>
    public double RateLimit { get; init; } = 0.3;

    /// <summary>Requests within the window below which nothing is judged. 1 or more; default 10.</summary>
    public int MinimalTotal { get; init; } = 10;

    /// <summary>How far back requests count. 1 s to 1 h; default 60 s.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(60);

    public static FailureRateOptions Of(ClusterConfig cluster)
    {
        var options = new FailureRateOptions();
        foreach (var (key, text) in cluster.Metadata ?? new Dictionary<string, string>())
        {
            options = With(options, key, text) ?? throw new FormatException($"{key} is not {Demand(key, text)}: {text}");
        }

        return options;
    }

    /// <summary>What an entry of `Metadata` should be and is not; null when it is right, or not about this policy.</summary>
    public static string? Demand(string key, string text) => KeyOf(key) switch
    {
        _ when With(new FailureRateOptions(), key, text) is not null => null,
        RateLimitKey => "a number over 0, and at most 1",
        MinimalTotalKey => $"an integer from 1 to {int.MaxValue}",
        _ => $"a duration from {DurationText.Format(WindowMin)} to {DurationText.Format(WindowMax)}",
    };

    /// <summary>The options with one entry taken; the same when it is not about them; null when it is out of range.</summary>
    private static FailureRateOptions? With(FailureRateOptions options, string key, string text) => KeyOf(key) switch
    {
        RateLimitKey => double.TryParse(text, CultureInfo.InvariantCulture, out var limit) && limit is > 0 and <= 1
            ? options with { RateLimit = limit }
            : null,
        MinimalTotalKey => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var minimum) && minimum > 0
            ? options with { MinimalTotal = minimum }
            : null,
        WindowKey => DurationText.TryParse(text, out var window) && window >= WindowMin && window <= WindowMax
            ? options with { Window = window }
            : null,
        _ => options,
    };

    /// <summary>Keys are told apart without regard to case, as all keys of a configuration.</summary>
    private static string? KeyOf(string key) =>
        Array.Find([RateLimitKey, MinimalTotalKey, WindowKey], known => known.Equals(key, StringComparison.OrdinalIgnoreCase));
}
