using System.Collections.Immutable;
using System.Net;

namespace EdgeProxy.Configuration;

/// <summary>How names of destinations become addresses.</summary>
internal sealed record NameOptions
{
    public static TimeSpan RefreshMin { get; } = TimeSpan.FromSeconds(1);

    /// <summary>How often a name is looked up again. 1 s to 1 h; default 5 s.</summary>
    public TimeSpan Refresh { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Name servers for SRV names, at most 8; empty: the system's.</summary>
    public ImmutableArray<IPEndPoint> Servers { get; init; } = [];

    public bool Equals(NameOptions? other) => other is not null && Refresh == other.Refresh && Servers.SequenceEqual(other.Servers);

    public override int GetHashCode() => Refresh.GetHashCode();
}

/// <summary>`Edge.Names`: its keys.</summary>
internal static class NameSection
{
    public static ObjectShape Shape { get; } = new(
        new Key("Refresh", new DurationShape(NameOptions.RefreshMin, TimeSpan.FromHours(1)),
            "How often the names of destinations are looked up again; an SRV name when its time to live is over.")
        { Default = "5s" },
        new Key("Servers", new ListShape(
                new TextShape
                {
                    Meaning = "an address and a port such as 127.0.0.1:8600",
                    Pattern = @"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$",
                },
                0,
                8),
            "Name servers that are asked for SRV names (`_http._tcp.orders.svc`). Absent: the system's."));

    public static NameOptions Bind(Section names) => new()
    {
        Refresh = names.Duration("Refresh"),
        Servers =
        [
            .. names.Texts("Servers").Select(text => IPEndPoint.TryParse(text, out var server) ? server : null).OfType<IPEndPoint>(),
        ],
    };
}
