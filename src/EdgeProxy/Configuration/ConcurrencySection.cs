namespace EdgeProxy.Configuration;

/// <summary>How many requests may be under way at once, and how many more may wait for that.</summary>
internal sealed record ConcurrencySettings
{
    /// <summary>No bound: what a gate has whose configuration has gone.</summary>
    public static readonly ConcurrencySettings None = new();

    /// <summary>Requests, streams and WebSockets of the route or cluster. 1 to 1 000 000; null: no bound.</summary>
    public int? Max { get; init; }

    /// <summary>Attempts at each of a cluster's destinations. 1 to 1 000 000; null: no bound.</summary>
    public int? MaxPerDestination { get; init; }

    /// <summary>Requests that may wait; those beyond are refused at once. 0 to 100 000; default 0.</summary>
    public int Queue { get; init; }

    /// <summary>How long one may wait. 1 ms to 1 h; default 3 s.</summary>
    public TimeSpan QueueTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Share of Max that one client may hold with slow uploads while others wait. 0.01 to 1; default 0.25.</summary>
    public double UploadShare { get; init; } = 0.25;

    /// <summary>Slow uploads that one client may hold while others wait: one at least. Null: Max is no bound.</summary>
    public int? UploadsMax => Max is { } max ? Math.Max(1, (int)(max * UploadShare)) : null;
}

/// <summary>Key `Concurrency` of routes and clusters.</summary>
internal static class ConcurrencySection
{
    private const string Max = nameof(ConcurrencySettings.Max);
    private const string MaxPerDestination = nameof(ConcurrencySettings.MaxPerDestination);
    private const string Queue = nameof(ConcurrencySettings.Queue);
    private const string QueueTimeout = nameof(ConcurrencySettings.QueueTimeout);
    private const string UploadShare = nameof(ConcurrencySettings.UploadShare);

    private static readonly NumberShape Many = new(1, 1_000_000);

    private static readonly Key Waiting = new(Queue, new NumberShape(0, 100_000),
        "Requests beyond that which may wait, first come, first served. More are refused at once.")
    { Default = "0" };

    private static readonly Key Patience = new(QueueTimeout, new DurationShape(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
        "How long one waits before it is refused.")
    { Default = "3s" };

    private static readonly Key Uploads = new(UploadShare, new RatioShape(0.01m, 1),
        "Share of `Max`, one request at least, that one client may hold with slow uploads while requests of others wait.")
    { Default = "0.25" };

    public static ObjectShape Shape { get; } = new(
        new Key(Max, Many, "Requests, streams and WebSockets under way at once. Absent: no bound."),
        new Key(MaxPerDestination, Many, "The same for each destination; one that is full is passed over. Absent: no bound."),
        Waiting, Patience, Uploads);

    public static ObjectShape OfRoute { get; } = new(
        new Key(Max, Many, "Requests, streams and WebSockets under way at once.") { Required = true },
        Waiting, Patience, Uploads);

    /// <summary>Null when nothing is bounded.</summary>
    public static ConcurrencySettings? Bind(Section section)
    {
        var settings = new ConcurrencySettings
        {
            Max = (int?)section.OptionalNumber(Max),
            MaxPerDestination = section.Knows(MaxPerDestination) ? (int?)section.OptionalNumber(MaxPerDestination) : null,
            Queue = (int)section.Number(Queue),
            QueueTimeout = section.Duration(QueueTimeout),
            UploadShare = section.OptionalRatio(UploadShare) ?? 0,
        };
        return settings is { Max: null, MaxPerDestination: null } ? null : settings;
    }

    /// <summary>A cluster whose requests could wait for nothing.</summary>
    public static void Check(Section cluster, FaultList faults)
    {
        var section = cluster.Object("Concurrency");
        if (section.Find(Queue) is { } queue && section.Number(Queue) > 0 && !section.Has(Max) && !section.Has(MaxPerDestination)
            && !section.IsUnknown(Max) && !section.IsUnknown(MaxPerDestination))
        {
            faults.Error(FaultCodes.ConflictingKeys, queue, $"{Queue} says nothing without {Max} or {MaxPerDestination}");
        }
    }
}
