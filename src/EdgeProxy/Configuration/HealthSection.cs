using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>Health checks of a cluster: their keys, and how they become YARP's <see cref="HealthCheckConfig"/>.</summary>
internal static class HealthSection
{
    private static readonly DurationShape Period = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));

    private static readonly ObjectShape Active = new(
        new Key("Enabled", new SwitchShape(), "Probe destinations.") { Default = "false" },
        new Key("Interval", Period, "Time between two probes.") { Default = "15s" },
        new Key("Timeout", Period, "How long a probe may take.") { Default = "10s" },
        new Key("Policy", ClusterSection.Known("ConsecutiveFailures"),
            "How probes are judged.")
        { Default = "ConsecutiveFailures" },
        new Key("Path", new TextShape { Pattern = "^/[^?#]*$", Meaning = "a path that begins with /" },
            "Path to probe. Absent: the address as it is."),
        new Key("Query", new TextShape { Pattern = "^\\?[^#]*$", Meaning = "a query that begins with ?" }, "Query to probe with."));

    private static readonly ObjectShape Passive = new(
        new Key("Enabled", new SwitchShape(), "Judge destinations by the answers they give.") { Default = "false" },
        new Key("Policy", ClusterSection.Known("FailureRate", "TransportFailureRate"),
            "`FailureRate` counts bad answers and failed connections, `TransportFailureRate` the latter only.")
        { Default = "FailureRate" },
        new Key("ReactivationPeriod", RouteSection.Timeout, "After this long a destination is tried again. Absent: 60 s."));

    public static ObjectShape Shape { get; } = new(
        new Key("Active", Active, "Health by probes."),
        new Key("Passive", Passive, "Health by the traffic itself."),
        new Key("AvailableDestinationsPolicy", ClusterSection.Known("HealthyAndUnknown", "HealthyOrPanic"),
            "Who gets requests; with `HealthyOrPanic` all do when none is healthy, otherwise that is 503.")
        { Default = "HealthyAndUnknown" });

    /// <summary>YARP's own default would send requests to destinations that are all known to be unhealthy.</summary>
    public static HealthCheckConfig Bind(Section health) => new()
    {
        Active = BindActive(health.Object("Active")),
        Passive = BindPassive(health.Object("Passive")),
        AvailableDestinationsPolicy = health.Text("AvailableDestinationsPolicy"),
    };

    private static ActiveHealthCheckConfig? BindActive(Section active) => !active.Exists ? null : new ActiveHealthCheckConfig
    {
        Enabled = active.OptionalSwitch("Enabled"),
        Interval = active.OptionalDuration("Interval"),
        Timeout = active.OptionalDuration("Timeout"),
        Policy = active.Text("Policy"),
        Path = active.Text("Path"),
        Query = active.Text("Query"),
    };

    private static PassiveHealthCheckConfig? BindPassive(Section passive) => !passive.Exists ? null : new PassiveHealthCheckConfig
    {
        Enabled = passive.OptionalSwitch("Enabled"),
        Policy = passive.Text("Policy"),
        ReactivationPeriod = passive.OptionalDuration("ReactivationPeriod"),
    };
}
