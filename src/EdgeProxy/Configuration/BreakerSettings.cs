namespace EdgeProxy.Configuration;

/// <summary>When a breaker opens, and how it closes again.</summary>
internal sealed record BreakerSettings
{
    public bool Enabled { get; init; } = true;

    /// <summary>Share of failures among what counts, over 0 to 1.</summary>
    public double FailureRatio { get; init; } = 0.5;

    /// <summary>What must have been counted within the window before its ratio says anything.</summary>
    public int MinimumRequests { get; init; } = 20;

    /// <summary>Failures in a row that open it, of those that leave no doubt: no answer, 502, 503, 504.</summary>
    public int ConsecutiveFailures { get; init; } = 5;

    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a cluster's breaker stays open at first; twice as long each time it opens again.</summary>
    public TimeSpan OpenFor { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan OpenForMax { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Time in which the admitted share rises from a tenth to all.</summary>
    public TimeSpan RecoverOver { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>How long, and how many, destinations are left out.</summary>
internal sealed record EjectionSettings
{
    /// <summary>Share of a cluster's destinations that may be left out at a time, in percent, rounded down.</summary>
    public int MaxPercent { get; init; } = 50;

    /// <summary>How long a destination is left out the first time; as many times that as it was left out.</summary>
    public TimeSpan Base { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan Max { get; init; } = TimeSpan.FromMinutes(5);
}
