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

        var names = draft.Policies.ToDictionary(p => p.Policy.Name, NamesOf, StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            CheckRoute(route, names, faults);
        }
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
        foreach (var (plan, planSection) in section.Entries("Plans"))
        {
            CheckNames(planSection, faults);
            if (planSection.Switch("Unlimited") == planSection.Has("Limits"))
            {
                faults.Error(
                    FaultCodes.ConflictingKeys, plan.Value.Place, plan.Value.Path, "a plan has either Limits or \"Unlimited\": true");
            }
        }

        if (section.Has("Plans") && draft.Policy.Per != RateLimitKey.Client)
        {
            faults.Error(
                FaultCodes.PlansNeedClients, section.Find("Plans")!,
                "plans belong to clients: they go with \"Per\": \"Client\" only");
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

    private static HashSet<string> NamesOf(PolicyDraft draft) => draft.Policy.Limits
        .Concat(draft.Policy.Plans.Values.SelectMany(plan => plan.Limits))
        .Select(limit => limit.Name)
        .Where(name => name.Length > 0)
        .ToHashSet(StringComparer.OrdinalIgnoreCase);
}
