using System.Collections.Frozen;
using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>When a request of a route is sent again.</summary>
internal sealed record RetrySettings
{
    /// <summary>The first included: 1 to 5.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>Statuses that count as failed attempts.</summary>
    public FrozenSet<int> On { get; init; } = FrozenSet.Create(502, 503, 504);

    /// <summary>Bound of the wait before the second attempt; doubles with each.</summary>
    public TimeSpan BackoffBase { get; init; } = TimeSpan.FromMilliseconds(25);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Bodies up to this size are kept for another attempt. 0 to 1 MiB.</summary>
    public int ReplayBodyBytes { get; init; } = 65536;

    /// <summary>Every request of the route may be made twice with the effect of once, whatever its method.</summary>
    public bool Idempotent { get; init; }
}

/// <summary>How many requests of a cluster are sent again at most.</summary>
/// <param name="Ratio">Share of the requests.</param>
/// <param name="ReservePerSecond">So many a second besides, for clusters with little traffic.</param>
internal sealed record RetryBudgetSettings(double Ratio = 0.2, double ReservePerSecond = 3);

/// <summary>Keys `Retry` of routes and `RetryBudget` of clusters.</summary>
internal static class RetrySection
{
    public const int AttemptsMax = 5;

    private static readonly DurationShape Backoff = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10));

    private static readonly TextShape Status = new()
    {
        AnyScalar = true,
        Pattern = "^(408|425|429|5[0-9][0-9])$",
        Meaning = "408, 425, 429 or a status from 500 to 599",
    };

    public static ObjectShape Shape { get; } = new(
        new Key("Attempts", new NumberShape(1, AttemptsMax), "Attempts at most, the first included.") { Default = "3" },
        new Key("On", new ListShape(Status) { Distinct = true },
            "Statuses that are tried again, as failures without an answer always are. Absent: 502, 503 and 504."),
        new Key("BackoffBase", Backoff, "Bound of the random wait before the second attempt; doubles with each.") { Default = "25ms" },
        new Key("BackoffMax", Backoff, "Bound of all waits.") { Default = "250ms" },
        new Key("ReplayBodyBytes", new NumberShape(0, 1 << 20),
            "Bodies up to this size are read whole first, so that they can be sent again. Larger ones are sent once.")
        { Default = "65536" },
        new Key("Idempotent", new SwitchShape(),
            "Every request may be sent twice, whatever its method. Absent: GET, HEAD, OPTIONS, PUT and DELETE alone.")
        { Default = "false" });

    public static ObjectShape Budget { get; } = new(
        new Key("Ratio", new RatioShape(0, 1), "Attempts beyond the first as a share of the last 10 s' requests to routes with `Retry`.")
        { Default = "0.2" },
        new Key("ReservePerSecond", new RatioShape(0, 1000), "So many a second besides.") { Default = "3" });

    /// <summary>Null when there is no such section: nothing is tried again.</summary>
    public static RetrySettings? Bind(Section retry) => !retry.Exists ? null : new RetrySettings
    {
        Attempts = (int)retry.Number("Attempts"),
        On = retry.Has("On")
            ? retry.Texts("On").Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToFrozenSet()
            : new RetrySettings().On,
        BackoffBase = retry.Duration("BackoffBase"),
        BackoffMax = retry.Duration("BackoffMax"),
        ReplayBodyBytes = (int)retry.Number("ReplayBodyBytes"),
        Idempotent = retry.Switch("Idempotent"),
    };

    public static RetryBudgetSettings BindBudget(Section budget) =>
        new(budget.OptionalRatio("Ratio") ?? 0, budget.OptionalRatio("ReservePerSecond") ?? 0);
}
