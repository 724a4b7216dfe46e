using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>A route's `Fallback` as the admin API shows it. A body may hold secrets: its length is shown.</summary>
internal sealed record FallbackView(IReadOnlyList<string> On, StaleView? Stale, string? Cluster, StaticView? Static)
{
    public static FallbackView? Of(FallbackSettings? fallback) => fallback is null ? null : new FallbackView(
        [
            .. Enum.GetValues<FallbackCause>()
                .Where(one => one != FallbackCause.None && fallback.On.HasFlag(one)).Select(FallbackSection.NameOf),
            .. fallback.Statuses.Order().Select(status => status.ToString(CultureInfo.InvariantCulture)),
        ],
        StaleView.Of(fallback.Stale),
        fallback.Cluster,
        fallback.Static is { } answer ? new StaticView(answer.Status, answer.ContentType, answer.Body.Length) : null);
}

internal sealed record StaleView(TimeSpan MaxAge, IReadOnlyList<string> Vary, IReadOnlyList<string> Ignore)
{
    public static StaleView? Of(StaleSettings? stale) => stale is null
        ? null
        : new StaleView(stale.MaxAge, stale.Vary, [.. stale.Ignore.Order(StringComparer.OrdinalIgnoreCase)]);
}

internal sealed record StaticView(int Status, string ContentType, int BodyBytes);
