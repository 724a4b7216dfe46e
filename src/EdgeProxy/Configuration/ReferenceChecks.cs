using EdgeProxy.Clients;

namespace EdgeProxy.Configuration;

/// <summary>Names that refer to something refer to something that exists, and what exists is referred to.</summary>
internal static class ReferenceChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        // What seems to be missing may stand in the file that could not be read.
        if (!draft.IsComplete)
        {
            return;
        }

        if (draft.Root.Object("ReverseProxy").Find("Routes") is not ObjectNode { Members.Count: > 0 })
        {
            var place = draft.Root.Object("ReverseProxy").Node ?? draft.Root.Node!;
            faults.Error(FaultCodes.NoRoutes, place.Place, "$.ReverseProxy.Routes", "there is no route");
        }

        CheckClusters(draft, faults);
        CheckPolicies(draft, faults);
        CheckPlans(draft, faults);
    }

    /// <summary>A plan that no policy names gives a client the limits of everybody: mostly a slip of the pen.</summary>
    private static void CheckPlans(Draft draft, FaultList faults)
    {
        var plans = draft.Policies.SelectMany(p => p.Entry.Section.Entries("Plans")).Select(plan => plan.Id)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (_, client) in ClientSection.Entries(draft.Root.Object("Clients")))
        {
            if (plans.Count > 0 && client.Find("Plan") is ScalarNode { Text: not "default" } plan && !plans.Contains(plan.Text))
            {
                var nearest = plan.IsExpanded ? null : faults.Suggest(plan.Text, plans);
                faults.Warn(
                    FaultCodes.UnknownPlan, plan.Place, plan.Path,
                    $"no rate limit names the plan {plan.Shown}", nearest);
            }
        }
    }

    private static void CheckClusters(Draft draft, FaultList faults)
    {
        var clusters = draft.Root.Object("ReverseProxy").Find("Clusters") as ObjectNode;
        var used = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var id in draft.Routes.SelectMany(route => route.ClusterNames))
        {
            used.Add(id.Text);
            if (!Exists(clusters, id))
            {
                faults.Error(FaultCodes.UnknownCluster, id, $"there is no cluster {id.Shown}", Suggest(clusters, id, faults));
            }
        }

        var isAnyUnknown = draft.Routes.Any(route =>
            route.NamesUnknown("ClusterId") || route.Entry.Section.Object("Fallback").IsUnknown("Cluster"));
        foreach (var cluster in draft.Clusters.Where(c => !isAnyUnknown && !used.Contains(c.Entry.Id)))
        {
            var member = cluster.Entry.Member;
            faults.Warn(FaultCodes.UnusedCluster, member.Place, member.Value.Path, $"no route uses the cluster \"{member.Name}\"");
        }
    }

    private static void CheckPolicies(Draft draft, FaultList faults)
    {
        var policies = draft.Root.Find("RateLimits") as ObjectNode;
        var used = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in draft.Routes.SelectMany(route => route.PolicyNames))
        {
            used.Add(name.Text);
            if (!Exists(policies, name))
            {
                faults.Error(FaultCodes.UnknownRateLimit, name, $"there is no rate limit {name.Shown}", Suggest(policies, name, faults));
            }
        }

        foreach (var (own, _) in draft.LimitsOfClients.Where(own => policies?.Find(own.Id) is null))
        {
            var suggestion = policies is null ? null : faults.Suggest(own.Name, policies.Members.Select(m => m.Name));
            faults.Error(FaultCodes.UnknownRateLimit, own.Place, own.Value.Path, $"there is no rate limit \"{own.Name}\"", suggestion);
        }

        var isAnyUnknown = draft.Routes.Any(route => route.NamesUnknown("RateLimiterPolicy") || route.NamesUnknown("RateLimits"));
        foreach (var policy in draft.Policies.Where(p => !isAnyUnknown && !used.Contains(p.Entry.Id)))
        {
            var member = policy.Entry.Member;
            faults.Warn(FaultCodes.UnusedRateLimit, member.Place, member.Value.Path, $"no route uses the rate limit \"{member.Name}\"");
        }
    }

    private static bool Exists(ObjectNode? map, ScalarNode name) => map?.Find(name.Text) is not null;

    private static string? Suggest(ObjectNode? map, ScalarNode name, FaultList faults) =>
        map is null || name.IsExpanded ? null : faults.Suggest(name.Text, map.Members.Select(m => m.Name));
}
