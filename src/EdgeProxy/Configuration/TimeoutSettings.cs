namespace EdgeProxy.Configuration;

/// <summary>How long destinations are waited for. Of a route when it writes any, else of its cluster.</summary>
internal sealed record TimeoutSettings
{
    public static readonly TimeSpan DefaultConnect = TimeSpan.FromSeconds(3);

    public static readonly TimeSpan DefaultPing = TimeSpan.FromSeconds(5);

    public static readonly TimeSpan DefaultIdle = TimeSpan.FromSeconds(100);

    /// <summary>For a connection to a destination, TLS included. A cluster's own: its routes share the connections.</summary>
    public TimeSpan Connect { get; init; } = DefaultConnect;

    /// <summary>How long an HTTP/2 connection on which a response is waited for is silent before it is pinged. A cluster's own.</summary>
    public TimeSpan PingDelay { get; init; } = DefaultPing;

    /// <summary>How long a frame is waited for after a ping before the connection is given up. A cluster's own.</summary>
    public TimeSpan PingTimeout { get; init; } = DefaultPing;

    /// <summary>From the start of an attempt to the head of its answer, less the time that the client's body is waited for.</summary>
    public TimeSpan? PerTry { get; init; }

    /// <summary>From the end of the request as it is sent to the head of its answer.</summary>
    public TimeSpan? ResponseHeaders { get; init; }

    /// <summary>Longest silence, in both directions together, streams included.</summary>
    public TimeSpan Idle { get; init; } = DefaultIdle;

    /// <summary>The cluster's `HttpRequest.ActivityTimeout`: what <see cref="Idle"/> is where nobody writes it.</summary>
    public TimeSpan Activity { get; init; } = DefaultIdle;

    /// <summary>An attempt has a bound of its own, so that it needs a timer.</summary>
    public bool BoundsAttempts => PerTry is not null || ResponseHeaders is not null;
}

/// <summary>Key `Timeouts` of clusters and routes.</summary>
internal static class TimeoutSection
{
    private static readonly Key PerTry = new("PerTry", RouteSection.Timeout,
        "From an attempt's start to the head of its answer. Absent: no such bound.");

    private static readonly Key ResponseHeaders = new("ResponseHeaders", RouteSection.Timeout,
        "From the end of the request to the head of its answer. Absent: no such bound.");

    private static readonly Key Idle = new("Idle", RouteSection.Timeout,
        "Longest silence, in both directions together. Instead of HttpRequest.ActivityTimeout.")
    { Default = "100s" };

    private static readonly DurationShape Ping = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));

    public static ObjectShape Shape { get; } = new(
        new Key("Connect", new DurationShape(TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            "For a connection to a destination, TLS included.")
        { Default = "3s" },
        PerTry, ResponseHeaders, Idle,
        new Key("PingDelay", Ping, "HTTP/2: silence of a connection on which a response is waited for, before it is pinged.")
        { Default = "5s" },
        new Key("PingTimeout", Ping, "HTTP/2: how long a frame is waited for after a ping before the connection is given up.")
        { Default = "5s" });

    /// <summary>Connections belong to the cluster, and so does the time that they may take.</summary>
    public static ObjectShape OfRoute { get; } = new(PerTry, ResponseHeaders, Idle);

    /// <param name="section">The cluster's.</param>
    /// <param name="activity">Its `HttpRequest.ActivityTimeout`, which says the same as `Idle`.</param>
    public static TimeoutSettings Bind(Section section, TimeSpan activity) => BindCommon(section, activity) with
    {
        Connect = section.Duration("Connect"),
        PingDelay = section.Duration("PingDelay"),
        PingTimeout = section.Duration("PingTimeout"),
        Activity = activity,
    };

    /// <summary>A route's own whole, when it writes any; else its cluster's.</summary>
    public static TimeoutSettings BindRoute(Section section, TimeoutSettings cluster) =>
        section.Exists
            ? BindCommon(section, cluster.Activity) with
            {
                Connect = cluster.Connect,
                PingDelay = cluster.PingDelay,
                PingTimeout = cluster.PingTimeout,
                Activity = cluster.Activity,
            }
            : cluster;

    /// <summary>An attempt that may take longer than its request never does; few mean that.</summary>
    public static void Check(Draft draft, FaultList faults)
    {
        var users = draft.Routes.Where(route => !route.Entry.Section.Has("Timeouts"))
            .SelectMany(route => route.ClusterNames.Select(name => (name.Text, route.Entry.Section)))
            .ToLookup(user => user.Text, user => user.Section, StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            WarnUnmet(route.Entry.Section, [route.Entry.Section], "the route's Timeout is shorter", faults);
        }

        foreach (var cluster in draft.Clusters)
        {
            WarnUnmet(cluster.Entry.Section, [.. users[cluster.Entry.Id]], "every route that it holds for has a shorter Timeout", faults);
        }
    }

    /// <summary>Whose `Timeouts` hold for a route: its own whole, when it writes any; else those of its cluster, if that exists.</summary>
    public static Section? OwnerOf(RouteDraft route, ILookup<string, Section> clusters) =>
        route.Entry.Section.Has("Timeouts") ? route.Entry.Section : clusters[route.Config.ClusterId ?? ""].FirstOrDefault();

    /// <param name="routes">Those that the owner's `Timeouts` hold for.</param>
    private static void WarnUnmet(Section owner, IReadOnlyList<Section> routes, string why, FaultList faults)
    {
        var timeouts = owner.Object("Timeouts");
        if (timeouts.Find("PerTry") is { } perTry && routes.Count > 0
            && routes.Max(route => route.OptionalDuration("Timeout") ?? TimeSpan.MaxValue) < timeouts.OptionalDuration("PerTry"))
        {
            faults.Warn(FaultCodes.UnmetTimeout, perTry.Place, perTry.Path, $"it never runs out: {why}");
        }
    }

    private static TimeoutSettings BindCommon(Section section, TimeSpan activity) => new()
    {
        PerTry = section.OptionalDuration("PerTry"),
        ResponseHeaders = section.OptionalDuration("ResponseHeaders"),
        Idle = section.Has("Idle") ? section.Duration("Idle") : activity,
    };
}
