namespace EdgeProxy.Configuration;

/// <summary>From where on the process counts as overloaded, and refuses the less critical routes.</summary>
internal sealed record OverloadOptions
{
    public bool Enabled { get; init; } = true;

    /// <summary>Requests, streams and WebSockets under way over all routes. 1 to 10 million; null: any number.</summary>
    public long? RequestsInFlight { get; init; }

    /// <summary>Share of the memory that the process may use that its heap takes after a collection. 0.1 to 1; default 0.85.</summary>
    public double Memory { get; init; } = 0.85;

    /// <summary>How long work waits for a thread. 10 ms to 1 min; default 100 ms.</summary>
    public TimeSpan ThreadPoolDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long level 3 has to last before `/readyz` is 503. 1 s to 1 h; null: it stays 200.</summary>
    public TimeSpan? NotReadyAfter { get; init; }
}

/// <summary>How long a route is served while the edge is overloaded: the later in this list, the sooner it is refused.</summary>
internal enum Criticality
{
    /// <summary>Never refused for overload.</summary>
    CriticalPlus,
    Critical,
    SheddablePlus,
    Sheddable,
}

/// <summary>Key `Overload` of `Edge`.</summary>
internal static class OverloadSection
{
    public static ObjectShape Shape { get; } = new(
        new Key("Enabled", new SwitchShape(), "Refuse less critical routes while the process is overloaded.") { Default = "true" },
        new Key("RequestsInFlight", new NumberShape(1, 10_000_000),
            "Requests, streams and WebSockets under way over all routes. At 80 % the first are refused, at all of it all but "
            + "`CriticalPlus`. Absent: any number."),
        new Key("Memory", new RatioShape(0.1m, 1),
            "Share of the memory that the process may use, taken by its heap after a collection, from which on the first are refused.")
        { Default = "0.85" },
        new Key("ThreadPoolDelay", new DurationShape(TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            "How long work waits for a thread, a whole second long, before the first are refused.")
        { Default = "100ms" },
        new Key("NotReadyAfter", new DurationShape(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            "How long the edge has to refuse all routes but `CriticalPlus` before `/readyz` is 503. Absent: it stays 200, since overload "
            + "mostly meets all nodes at once, and taking out some of them leaves more to the others."));

    public static OverloadOptions Bind(Section overload) => new()
    {
        Enabled = overload.Switch("Enabled"),
        RequestsInFlight = overload.OptionalNumber("RequestsInFlight"),
        Memory = overload.OptionalRatio("Memory") ?? 1,
        ThreadPoolDelay = overload.Duration("ThreadPoolDelay"),
        NotReadyAfter = overload.OptionalDuration("NotReadyAfter"),
    };
}
