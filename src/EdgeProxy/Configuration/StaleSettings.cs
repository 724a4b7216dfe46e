using System.Collections.Frozen;
using System.Collections.Immutable;

namespace EdgeProxy.Configuration;

/// <summary>Which kept answers stand for a failure.</summary>
internal sealed record StaleSettings
{
    /// <summary>How long ago it may have come. 1 s to 1 d; default 5 min.</summary>
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Request fields whose values tell one kept answer from another.</summary>
    public ImmutableArray<string> Vary { get; init; } = [];

    /// <summary>Request fields that say nothing of who asks, nor of what the answer is.</summary>
    public FrozenSet<string> Ignore { get; init; } = FrozenSet<string>.Empty;
}

/// <summary>Key `Stale` of a route's `Fallback`.</summary>
internal static class StaleSection
{
    private const int FieldsMax = 16;

    private static readonly TextShape Field = new() { Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", Meaning = "a field name" };

    public static ObjectShape Shape { get; } = new(
        new Key("MaxAge", new DurationShape(TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)), "How long ago it may have come.")
        { Default = "5m" },
        new Key("Vary", new ListShape(Field, 1, FieldsMax) { Distinct = true },
            "Request fields beyond the harmless ones that requests may have: other values get no answer that was kept for these."),
        new Key("Ignore", new ListShape(Field, 1, FieldsMax) { Distinct = true },
            "Request fields that answers do not depend on, such as a number that a CDN gives each request."));

    /// <summary>Null when there is no such section.</summary>
    public static StaleSettings? Bind(Section stale) => !stale.Exists ? null : new StaleSettings
    {
        MaxAge = stale.Duration("MaxAge"),
        Vary = [.. stale.Texts("Vary").Order(StringComparer.OrdinalIgnoreCase)],
        Ignore = stale.Texts("Ignore").ToFrozenSet(StringComparer.OrdinalIgnoreCase),
    };
}
