using System.Collections.Frozen;
using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>What went wrong with a request, as far as `Fallback.On` tells it apart.</summary>
[Flags]
internal enum FallbackCause
{
    None = 0,

    /// <summary>No connection, or no whole head of an answer.</summary>
    Transport = 1,

    /// <summary>No answer in time.</summary>
    Timeout = 2,

    /// <summary>A breaker let nothing through.</summary>
    Open = 4,

    /// <summary>No destination is available.</summary>
    NoDestination = 8,

    /// <summary>An answer with a status that counts as trouble.</summary>
    Status = 16,
}

/// <summary>What a client gets in place of a failure.</summary>
internal sealed record FallbackSettings
{
    /// <summary>Never <see cref="FallbackCause.Status"/>: those are <see cref="Statuses"/>.</summary>
    public FallbackCause On { get; init; } =
        FallbackCause.Transport | FallbackCause.Timeout | FallbackCause.Open | FallbackCause.NoDestination;

    public FrozenSet<int> Statuses { get; init; } = FrozenSet.Create(503);

    /// <summary>The kept answers that may be given then; null: none are kept.</summary>
    public StaleSettings? Stale { get; init; }

    /// <summary>The cluster to ask then; null: none.</summary>
    public string? Cluster { get; init; }

    /// <summary>How long that cluster's destinations are waited for.</summary>
    public TimeoutSettings ClusterTimeouts { get; init; } = new();

    /// <summary>An answer that is always the same; null: none.</summary>
    public StaticAnswer? Static { get; init; }
}

/// <param name="Body">As it is sent. It may come from the environment: the admin API does not show it.</param>
internal sealed record StaticAnswer(int Status, string ContentType, ReadOnlyMemory<byte> Body);

/// <summary>Key `Fallback` of routes.</summary>
internal static class FallbackSection
{
    public const int BodyBytesMax = 64 * 1024;

    private static readonly TextShape Cause = new()
    {
        AnyScalar = true,
        Pattern = "^(transport|timeout|open|no_destination|429|5[0-9][0-9])$",
        Meaning = "transport, timeout, open, no_destination, 429 or a status from 500 to 599",
    };

    private static readonly TextShape ContentType = new() { Pattern = "^[!-~]([ -~]{0,126}[!-~])?$", Meaning = "a media type" };

    private static readonly ObjectShape Static = new(
        new Key("Status", new NumberShape(200, 599), "Status of the answer.") { Default = "200" },
        new Key("ContentType", ContentType, "What the body is.") { Default = "application/json" },
        new Key("Body", new TextShape(), "The body, up to 64 KiB; none with 204, 205 and 304.") { Default = "" });

    public static ObjectShape Shape { get; } = new(
        new Key("On", new ListShape(Cause, 1) { Distinct = true },
            "What counts as a failure. Absent: transport, timeout, open, no_destination and 503."),
        new Key("Stale", StaleSection.Shape,
            "The last good answer to the same request, from memory; GET alone, and only what a shared cache may keep."),
        new Key("Cluster", new TextShape { Meaning = "the id of a cluster" }, "Another cluster to ask, within the same `Timeout`."),
        new Key("Static", Static, "An answer that is always the same, when nothing else is left."));

    /// <summary>Null when there is no such section.</summary>
    public static FallbackSettings? Bind(
        Section fallback, Section timeouts, FrozenDictionary<string, ClusterSettings> clusters)
    {
        if (!fallback.Exists)
        {
            return null;
        }

        var on = fallback.Texts("On");
        var other = fallback.Text("Cluster") is { } id ? clusters[id] : null;
        var settings = new FallbackSettings
        {
            Stale = StaleSection.Bind(fallback.Object("Stale")),
            Cluster = other?.ClusterId,
            ClusterTimeouts = other is null ? new TimeoutSettings() : TimeoutSection.BindRoute(timeouts, other.Timeouts),
            Static = BindStatic(fallback.Object("Static")),
        };
        return on.IsEmpty ? settings : settings with
        {
            On = on.Aggregate(FallbackCause.None, (all, one) => all | CauseOf(one)),
            Statuses = on.Where(one => char.IsAsciiDigit(one[0])).Select(one => int.Parse(one, CultureInfo.InvariantCulture)).ToFrozenSet(),
        };
    }

    public static string NameOf(FallbackCause cause) => cause switch
    {
        FallbackCause.Transport => "transport",
        FallbackCause.Timeout => "timeout",
        FallbackCause.Open => "open",
        FallbackCause.NoDestination => "no_destination",
        _ => "status",
    };

    private static FallbackCause CauseOf(string name) => name switch
    {
        "transport" => FallbackCause.Transport,
        "timeout" => FallbackCause.Timeout,
        "open" => FallbackCause.Open,
        "no_destination" => FallbackCause.NoDestination,
        _ => FallbackCause.None,
    };

    private static StaticAnswer? BindStatic(Section section) => !section.Exists ? null : new StaticAnswer(
        (int)section.Number("Status"), section.Text("ContentType")!, System.Text.Encoding.UTF8.GetBytes(section.Text("Body")!));
}
