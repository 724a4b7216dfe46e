using EdgeProxy.Shedding;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>A route as the admin API shows it.</summary>
/// <param name="Order">Lower is asked first; 0 unless written.</param>
internal sealed record RouteView(
    string Id,
    string? ClusterId,
    string? Owner,
    int Order,
    string? Path,
    IReadOnlyList<string> Hosts,
    IReadOnlyList<string> Methods,
    IReadOnlyList<ConditionView> Headers,
    IReadOnlyList<ConditionView> QueryParameters,
    IReadOnlyList<string> RateLimits,
    bool RequireClient,
    TimeSpan? Timeout,
    TimeSpan AbandonedAfter,
    TimeoutView Timeouts,
    RetrySettings? Retry,
    string? NormalizeUpstreamErrors,
    bool RewriteLocation,
    GateView? Concurrency,
    HedgeView? Hedge,
    FallbackView? Fallback,
    string Criticality,
    long? MaxRequestBodySize,
    IReadOnlyList<IReadOnlyDictionary<string, string>> Transforms)
{
    public static RouteView Of(RouteConfig route, RouteSettings settings, Gate? gate) => new(
        route.RouteId,
        route.ClusterId,
        settings.Owner,
        route.Order ?? 0,
        route.Match.Path,
        route.Match.Hosts ?? [],
        route.Match.Methods ?? [],
        [.. (route.Match.Headers ?? []).Select(ConditionView.Of)],
        [.. (route.Match.QueryParameters ?? []).Select(ConditionView.Of)],
        [.. settings.RateLimits.Select(policy => policy.Name)],
        settings.RequireClient,
        route.Timeout,
        settings.AbandonedAfter,
        TimeoutView.Of(settings.Timeouts),
        settings.Retry,
        settings.NormalizesUpstreamErrors ? RouteSection.NonConforming : null,
        settings.RewritesLocation,
        GateView.Of(gate),
        HedgeView.Of(settings.Hedge),
        FallbackView.Of(settings.Fallback),
        settings.Criticality.ToString(),
        route.MaxRequestBodySize,
        route.Transforms ?? []);
}

/// <summary>A condition on a field or a query parameter.</summary>
internal sealed record ConditionView(string Name, string Mode, IReadOnlyList<string> Values, bool IsCaseSensitive)
{
    public static ConditionView Of(RouteHeader header) =>
        new(header.Name, header.Mode.ToString(), header.Values ?? [], header.IsCaseSensitive);

    public static ConditionView Of(RouteQueryParameter parameter) =>
        new(parameter.Name, parameter.Mode.ToString(), parameter.Values ?? [], parameter.IsCaseSensitive);
}

internal sealed record TimeoutView(TimeSpan Connect, TimeSpan? PerTry, TimeSpan? ResponseHeaders, TimeSpan Idle)
{
    public static TimeoutView Of(TimeoutSettings timeouts) =>
        new(timeouts.Connect, timeouts.PerTry, timeouts.ResponseHeaders, timeouts.Idle);
}
