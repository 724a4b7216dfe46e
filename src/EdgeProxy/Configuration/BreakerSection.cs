namespace EdgeProxy.Configuration;

/// <summary>Breakers and ejection of a cluster: their keys.</summary>
internal static class BreakerSection
{
    private static readonly DurationShape Period = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));

    public static ObjectShape Shape { get; } = new(
        new Key("Enabled", new SwitchShape(), "Stop sending requests to what fails.") { Default = "true" },
        new Key("FailureRatio", new RatioShape(0.01m, 1), "Share of failures within the window that opens the breaker.")
        { Default = "0.5" },
        new Key("MinimumRequests", new NumberShape(1, 1_000_000),
            "Requests within the window before the ratio counts; as many failures in a row open it at once.")
        { Default = "20" },
        new Key("ConsecutiveFailures", new NumberShape(1, 1_000_000),
            "Failures without doubt in a row that open it at once: no answer or half of one, 502, 503, 504.")
        { Default = "5" },
        new Key("Window", Period, "How far back requests count.") { Default = "30s" },
        new Key("OpenFor", Period, "How long the cluster's breaker stays open at first; doubles each time, ± 20 %.") { Default = "5s" },
        new Key("OpenForMax", Period, "The longest that it stays open.") { Default = "5m" },
        new Key("RecoverOver", Period, "Time in which the admitted share rises from a tenth to all.") { Default = "10s" });

    public static ObjectShape Ejection { get; } = new(
        new Key("MaxPercent", new NumberShape(0, 100),
            "Share of destinations that may be left out at a time, rounded down; never the last one.")
        { Default = "50" },
        new Key("Base", Period, "How long a destination is left out; twice, three times as long when it happens again, ± 10 %.")
        { Default = "30s" },
        new Key("Max", Period, "The longest that it is left out.") { Default = "5m" });

    public static BreakerSettings Bind(Section breaker) => new()
    {
        Enabled = breaker.Switch("Enabled"),
        FailureRatio = breaker.OptionalRatio("FailureRatio") ?? 0,
        MinimumRequests = (int)breaker.Number("MinimumRequests"),
        ConsecutiveFailures = (int)breaker.Number("ConsecutiveFailures"),
        Window = breaker.Duration("Window"),
        OpenFor = breaker.Duration("OpenFor"),
        OpenForMax = breaker.Duration("OpenForMax"),
        RecoverOver = breaker.Duration("RecoverOver"),
    };

    public static EjectionSettings BindEjection(Section ejection) => new()
    {
        MaxPercent = (int)ejection.Number("MaxPercent"),
        Base = ejection.Duration("Base"),
        Max = ejection.Duration("Max"),
    };
}
