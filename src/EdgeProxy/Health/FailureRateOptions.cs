using System.Globalization;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Health;

/// <summary>What the passive policy `FailureRate` is told by a cluster's `Metadata`. Values that do not parse count as absent.</summary>
internal sealed record FailureRateOptions
{
    public const string RateLimitKey = "FailureRateHealthPolicy.RateLimit";
    public const string MinimalTotalKey = "FailureRateHealthPolicy.MinimalTotal";
    public const string WindowKey = "FailureRateHealthPolicy.Window";

    /// <summary>Share of failures, over 0 to 1, from which a destination is unhealthy. Default 0.3.</summary>
    public double RateLimit { get; init; } = 0.3;

    /// <summary>Requests within the window below which nothing is judged. 1 or more; default 10.</summary>
    public int MinimalTotal { get; init; } = 10;

    /// <summary>How far back requests count. 1 s to 1 h; default 60 s.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(60);

    public static FailureRateOptions Of(ClusterConfig cluster)
    {
        var options = new FailureRateOptions();
        if (cluster.Metadata is not { } metadata)
        {
            return options;
        }

        return new()
        {
            RateLimit = metadata.TryGetValue(RateLimitKey, out var rate)
                && double.TryParse(rate, CultureInfo.InvariantCulture, out var limit) && limit is > 0 and <= 1 ? limit : options.RateLimit,
            MinimalTotal = metadata.TryGetValue(MinimalTotalKey, out var total)
                && int.TryParse(total, CultureInfo.InvariantCulture, out var minimum) && minimum > 0 ? minimum : options.MinimalTotal,
            Window = metadata.TryGetValue(WindowKey, out var window)
                && TimeSpan.TryParse(window, CultureInfo.InvariantCulture, out var length)
                && length >= TimeSpan.FromSeconds(1) && length <= TimeSpan.FromHours(1) ? length : options.Window,
        };
    }
}
