namespace EdgeProxy.Configuration;

/// <summary>When a request that is still waited for is sent to a second destination.</summary>
/// <param name="After">Null: when it takes longer than 95 of 100 did within the last minute.</param>
internal sealed record HedgeSettings(TimeSpan? After);

/// <summary>Key `Hedge` of routes.</summary>
internal static class HedgeSection
{
    public const string Percentile = "p95";

    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(1);

    private static readonly TextShape When = new()
    {
        Pattern = $"^(p95|{DurationText.Pattern[1..^1]})$",
        Meaning = "p95 or a duration from 1ms to 1m",
    };

    public static ObjectShape Shape { get; } = new(
        new Key("After", When,
            "How long the first attempt is waited for alone. `p95`: as long as 95 of 100 took within the last minute, 20 ms at least.")
        { Default = Percentile });

    /// <summary>Null when there is no such section.</summary>
    public static HedgeSettings? Bind(Section hedge) => !hedge.Exists
        ? null
        : new HedgeSettings(DurationText.TryParse(hedge.Text("After")!, out var after) ? after : null);

    public static void Check(Draft draft, FaultList faults)
    {
        var alone = draft.Clusters.Where(cluster => cluster.Config.Destinations is { Count: 1 }).Select(cluster => cluster.Entry.Id)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var clusters = draft.Clusters.ToLookup(
            cluster => cluster.Entry.Id, cluster => cluster.Entry.Section, StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            if (route.Entry.Section.Find("Hedge") is ObjectNode hedge && route.Config.ClusterId is { } cluster && alone.Contains(cluster))
            {
                faults.Warn(FaultCodes.UnusedHedge, hedge.Place, hedge.Path, "nothing is sent twice: the cluster has one destination");
            }

            if (route.Entry.Section.Object("Hedge").Find("After") is not ScalarNode after
                || !DurationText.TryParse(after.Text, out var value))
            {
                continue;
            }

            if (value < Least || value > Most)
            {
                faults.Error(FaultCodes.OutOfRange, after, $"{after.Shown} is not {When.Expected}");
            }
            else if (TimeoutSection.OwnerOf(route, clusters)?.Object("Timeouts").OptionalDuration("PerTry") <= value)
            {
                faults.Warn(FaultCodes.UnusedHedge, after.Place, after.Path, "nothing is sent twice: Timeouts.PerTry is over by then");
            }
        }
    }
}

/// <summary>A route's `Hedge` as the admin API shows it.</summary>
internal sealed record HedgeView(string After)
{
    public static HedgeView? Of(HedgeSettings? hedge) => hedge is null
        ? null
        : new HedgeView(hedge.After is { } after ? DurationText.Format(after) : HedgeSection.Percentile);
}
