namespace EdgeProxy.Configuration;

/// <summary>
/// Warns of a route that asks for a client, or has a limit, beside another one to the same cluster that does not and can be used in its
/// place. Paths go on byte for byte, so `//priv/x` and `/priv%2Fx` are of the wider route, and a destination that merges slashes or
/// decodes them serves them as `/priv/x`; and a route for all hosts takes the hosts that a route with `Hosts` leaves.
/// </summary>
internal static class PathBypass
{
    public static void Check(List<RouteReach> routes, FaultList faults)
    {
        var budget = new PairBudget();
        var known = routes.Where(route => !IsUnknown(route.Route));
        foreach (var cluster in known.GroupBy(route => route.Route.Config.ClusterId ?? "", StringComparer.OrdinalIgnoreCase))
        {
            // Routes that are protected alike are no way around each other: most need no comparing.
            var kinds = cluster.GroupBy(route => Protection.Of(route.Route)).ToList();
            foreach (var kind in kinds)
            {
                var clientless = kinds.Where(other => kind.Key.RequiresClient && !other.Key.RequiresClient)
                    .SelectMany(other => other).ToList();
                var unlimited = kinds.Where(other => kind.Key.IsLimited && !other.Key.IsLimited).SelectMany(other => other).ToList();
                foreach (var route in kind)
                {
                    faults.GoOn();
                    Warn(route, clientless, "asks for no client", budget, faults);
                    Warn(route, unlimited, "has no limit", budget, faults);
                }
            }
        }
    }

    /// <summary>What it asks for is a variable's to say, which is not looked at here.</summary>
    private static bool IsUnknown(RouteDraft route) => route.Entry.Section.IsUnknown("RequireClient")
        || route.NamesUnknown("RateLimits") || route.NamesUnknown("RateLimiterPolicy") || route.NamesUnknown("ClusterId");

    private static void Warn(RouteReach route, List<RouteReach> others, string what, PairBudget budget, FaultList faults)
    {
        foreach (var other in others)
        {
            if (!budget.Take(route, other))
            {
                return;
            }

            var byHost = route.Hosts.Count > 0 && other.Hosts.Count == 0;
            if (!route.HostsOverlap(other) || !route.MayBeReadFrom(other, byHost))
            {
                continue;
            }

            var member = route.Route.Entry.Member;
            var how = byHost && route.PathsOverlap(other)
                ? "requests for other hosts get there"
                : "a destination that merges slashes or decodes %2F would serve this route's resources there";
            faults.Warn(
                FaultCodes.PathBypass, member.Place, member.Value.Path,
                $"\"{other.Route.Entry.Id}\" at {other.Route.Entry.Member.Place} leads to the same cluster and {what}: {how}");
            return;
        }
    }

    /// <summary>What a route asks of requests. Which limits it has is its owner's to choose; having none leaves a way.</summary>
    private readonly record struct Protection(bool RequiresClient, bool IsLimited)
    {
        public static Protection Of(RouteDraft route) => new(route.Entry.Section.Switch("RequireClient"), route.PolicyNames.Any());
    }
}
