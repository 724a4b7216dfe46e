using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>What must hold in and between rate limits beyond types and ranges.</summary>
internal static class RateLimitChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        foreach (var draftPolicy in draft.Policies)
        {
            CheckPolicy(draftPolicy, faults);
        }

        var policies = draft.Policies.ToDictionary(p => p.Policy.Name, p => p.Policy, StringComparer.OrdinalIgnoreCase);
        CheckClients(draft, policies, faults);
        var names = draft.Policies.ToDictionary(p => p.Policy.Name, NamesOf, StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            CheckRoute(route, names, faults);
            CheckCost(route, policies, faults);
            CheckMaxCost(route.Entry.Section, faults);
        }

        RateLimitWarnings.CheckNeighbours(draft, faults);
    }

    private static void CheckPolicy(PolicyDraft draft, FaultList faults)
    {
        var (member, section) = draft.Entry;
        if (RouteDraft.IsReserved(member.Name))
        {
            faults.Error(
                FaultCodes.InvalidId, member.Place, member.Value.Path,
                $"\"{member.Name}\" as a RateLimiterPolicy means no limit: take another name");
        }

        CheckNames(section, faults);
        RateLimitWarnings.CheckTimes(section, faults);
        foreach (var (plan, planSection) in section.Entries("Plans"))
        {
            CheckPlan("a plan", plan, planSection, faults);
        }

        if (section.Has("Plans") && draft.Policy.Per != RateLimitKey.Client)
        {
            faults.Error(
                FaultCodes.PlansNeedClients, section.Find("Plans")!,
                "plans belong to clients: they go with \"Per\": \"Client\" only");
        }
    }

    private static void CheckPlan(string who, Member member, Section section, FaultList faults)
    {
        CheckNames(section, faults);
        RateLimitWarnings.CheckTimes(section, faults);
        if (section.IsUnknown("Unlimited"))
        {
            return;
        }

        if (section.Switch("Unlimited") == section.Has("Limits"))
        {
            faults.Error(
                FaultCodes.ConflictingKeys, member.Value.Place, member.Value.Path, $"{who} has either Limits or \"Unlimited\": true");
        }
    }

    /// <summary>What clients have of their own. Whether the policy exists is for <see cref="ReferenceChecks"/> to say.</summary>
    private static void CheckClients(Draft draft, Dictionary<string, RateLimitPolicy> policies, FaultList faults)
    {
        foreach (var (member, section) in draft.LimitsOfClients)
        {
            CheckPlan("a client's own entry", member, section, faults);
            if (policies.GetValueOrDefault(member.Name) is { Per: not RateLimitKey.Client })
            {
                faults.Error(
                    FaultCodes.PlansNeedClients, member.Place, member.Value.Path,
                    $"the rate limit \"{member.Name}\" is not kept per client: no client has limits of its own under it");
            }
        }
    }

    /// <summary>A limit's name stands once in a list.</summary>
    private static void CheckNames(Section owner, FaultList faults)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var limit in owner.Items("Limits"))
        {
            if (limit.Find("Name") is ScalarNode name && !seen.Add(name.Text))
            {
                faults.Error(FaultCodes.DuplicateLimit, name, $"the limit {name.Shown} stands here twice");
            }
        }
    }

    /// <summary>The policies of one route share the fields that tell a client about its limits, so their names differ.</summary>
    private static void CheckRoute(RouteDraft route, Dictionary<string, HashSet<string>> names, FaultList faults)
    {
        var owners = new Dictionary<string, ScalarNode>(StringComparer.OrdinalIgnoreCase);
        foreach (var policy in route.PolicyNames)
        {
            foreach (var limit in names.GetValueOrDefault(policy.Text) ?? [])
            {
                if (!owners.TryAdd(limit, policy))
                {
                    faults.Error(
                        FaultCodes.DuplicateLimit, policy,
                        $"{policy.Shown} and {owners[limit].Shown} have a limit \"{limit}\"; names are unique over a route's rate limits");
                    break;
                }
            }
        }
    }

    /// <summary>A request that costs more than a bucket ever holds is always refused; few mean that.</summary>
    private static void CheckCost(RouteDraft route, Dictionary<string, RateLimitPolicy> policies, FaultList faults)
    {
        if (route.Entry.Section.Find("Cost") is not { } cost)
        {
            return;
        }

        var tokens = route.Entry.Section.Number("Cost");
        foreach (var name in route.PolicyNames)
        {
            var limits = policies.GetValueOrDefault(name.Text) is { } policy ? AllLimitsOf(policy) : [];
            if (limits.FirstOrDefault(limit => limit.Capacity > 0 && limit.Capacity < tokens) is { } limit)
            {
                faults.Warn(
                    FaultCodes.UnmetCost, cost.Place, cost.Path,
                    $"{name.Shown} has a limit \"{limit.Name}\" that never holds so many tokens: a request held to it is always refused");
            }
        }
    }

    private static void CheckMaxCost(Section route, FaultList faults)
    {
        if (route.Find("MaxCost") is not { } most)
        {
            return;
        }

        if (!route.Has("CostHeader") && !route.IsUnknown("CostHeader"))
        {
            faults.Error(FaultCodes.ConflictingKeys, most, "MaxCost bounds what CostHeader says, and there is no CostHeader");
        }
        else if (!route.IsUnknown("Cost") && route.Number("MaxCost") < route.Number("Cost"))
        {
            faults.Error(FaultCodes.OutOfRange, most, "MaxCost is less than Cost, which every request takes");
        }
    }

    private static IEnumerable<Limit> AllLimitsOf(RateLimitPolicy policy) =>
        policy.Limits.Concat(policy.Plans.Values.Concat(policy.Clients.Values).SelectMany(plan => plan.Limits));

    private static HashSet<string> NamesOf(PolicyDraft draft) => AllLimitsOf(draft.Policy)
        .Select(limit => limit.Name)
        .Where(name => name.Length > 0)
        .ToHashSet(StringComparer.OrdinalIgnoreCase);
}
