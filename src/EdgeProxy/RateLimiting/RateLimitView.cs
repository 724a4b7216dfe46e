using System.Collections.Immutable;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>A rate limit as the admin API shows it: what is in effect, whether it was written or is a default.</summary>
/// <param name="Per">Whose tokens a bucket holds: Client, Ip, Route, Global or Header:NAME.</param>
/// <param name="Plans">What clients of a plan have instead of the policy's limits, by plan.</param>
/// <param name="Clients">What clients have of their own, before their plan's, by the id of the client.</param>
/// <param name="Routes">Ids of the routes that name it.</param>
internal sealed record RateLimitView(
    string Name,
    string Per,
    ImmutableArray<Limit> Limits,
    IReadOnlyDictionary<string, PlanView> Plans,
    IReadOnlyDictionary<string, PlanView> Clients,
    string Mode,
    string Headers,
    string Decide,
    string OnStoreOutage,
    ImmutableArray<string> Routes)
{
    public static ImmutableArray<RateLimitView> AllOf(Revision revision)
    {
        var routes = revision.Routes.Values.OrderBy(route => route.RouteId, StringComparer.Ordinal)
            .SelectMany(route => route.RateLimits.Select(policy => (policy.Name, route.RouteId)))
            .ToLookup(use => use.Name, use => use.RouteId, StringComparer.Ordinal);
        return
        [
            .. revision.Policies.Values.OrderBy(policy => policy.Name, StringComparer.Ordinal)
                .Select(policy => Of(policy, [.. routes[policy.Name]])),
        ];
    }

    private static RateLimitView Of(RateLimitPolicy policy, ImmutableArray<string> routes) => new(
        policy.Name,
        policy.Per == RateLimitKey.Header ? $"{policy.Per}:{policy.Header}" : policy.Per.ToString(),
        policy.Limits,
        PlanView.AllOf(policy.Plans),
        PlanView.AllOf(policy.Clients),
        policy.Mode.ToString(),
        policy.Headers.ToString(),
        policy.Decide.ToString(),
        policy.OnStoreOutage.ToString(),
        routes);
}

/// <param name="Unlimited">It is held to nothing.</param>
internal sealed record PlanView(bool Unlimited, ImmutableArray<Limit> Limits)
{
    public static IReadOnlyDictionary<string, PlanView> AllOf(IReadOnlyDictionary<string, PlanLimits> owners) =>
        new SortedDictionary<string, PlanView>(
            owners.ToDictionary(own => own.Key, own => new PlanView(own.Value.Unlimited, own.Value.Limits)), StringComparer.Ordinal);
}
