namespace EdgeProxy.Configuration;

/// <summary>
/// Warns where the rule by which a route is chosen (docs, "Which route") gives requests to another route than the one that was written for
/// them: a host that is more exact goes before `Order`, methods and hosts go before conditions, and a route of another team takes some.
/// </summary>
internal static class RoutePrecedence
{
    public static void Check(List<RouteReach> routes, FaultList faults)
    {
        CheckOrder(routes, faults);
        CheckConditions(routes, faults);
        CheckOwners(routes, faults);
    }

    /// <summary>A route of a lower Order, for hosts of which another route names one more exactly.</summary>
    private static void CheckOrder(List<RouteReach> routes, FaultList faults)
    {
        var budget = new PairBudget();
        var exact = routes.Where(route => route.Hosts.Count > 0).ToList();
        var highest = exact.Select(route => route.Order).DefaultIfEmpty().Max();
        foreach (var route in exact.Where(route => route.Order < highest))
        {
            faults.GoOn();
            var winner = exact.Find(other => other.Order > route.Order && budget.Take(route, other)
                && other.Hosts.Any(host => IsMoreExact(host, route)) && route.PathsOverlap(other) && route.MethodsOverlap(other));
            if (winner is not null)
            {
                var host = winner.Hosts.First(host => IsMoreExact(host, route));
                var order = route.Route.Entry.Section.Find("Order") ?? route.Route.Entry.Section.Node!;
                faults.Warn(
                    FaultCodes.OrderIgnored, order.Place, order.Path,
                    $"requests for {host} go to {Name(winner)} all the same: its host is more exact, and hosts go before Order");
            }
        }
    }

    private static bool IsMoreExact(string host, RouteReach route) =>
        route.Hosts.Any(own => RouteReach.Covers(own, host) && !RouteReach.Covers(host, own))
        && !route.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase);

    /// <summary>Conditions on fields or the query, beside a route of the same path without any that names methods or hosts.</summary>
    private static void CheckConditions(List<RouteReach> routes, FaultList faults)
    {
        var budget = new PairBudget();
        var plain = routes.Where(route => !HasConditions(route) && (route.Methods.Count > 0 || route.Hosts.Count > 0)).ToLookup(KeyOf);
        foreach (var route in routes.Where(HasConditions))
        {
            faults.GoOn();
            var winner = plain[KeyOf(route)].FirstOrDefault(other =>
                (HasMore(other.Methods, route.Methods)
                    || (other.Methods.Count == route.Methods.Count && HasMore(other.Hosts, route.Hosts)))
                && budget.Take(route, other) && route.HostsOverlap(other) && route.MethodsOverlap(other));
            if (winner is not null)
            {
                var member = route.Route.Entry.Member;
                var by = HasMore(winner.Methods, route.Methods) ? "methods" : "hosts";
                faults.Warn(
                    FaultCodes.Shadowed, member.Place, member.Value.Path,
                    $"requests that fit {Name(winner)} go there, whatever their fields and query: its {by} go before conditions; "
                    + "a lower Order would bring them here");
            }
        }
    }

    private static bool HasMore(IReadOnlyList<string> some, IReadOnlyList<string> none) => some.Count > 0 && none.Count == 0;

    private static bool HasConditions(RouteReach route) =>
        route.Route.Config.Match is { Headers.Count: > 0 } or { QueryParameters.Count: > 0 };

    private static string KeyOf(RouteReach route) => $"{route.Order} {route.Route.Config.Match.Path?.Trim('/').ToUpperInvariant()}";

    /// <summary>A route of one owner, in a file of its own, that takes requests from a route of another one.</summary>
    private static void CheckOwners(List<RouteReach> routes, FaultList faults)
    {
        var budget = new PairBudget();
        var owned = routes.Where(route => OwnerOf(route) is not null).ToList();
        if (owned.DistinctBy(OwnerOf).Count() < 2)
        {
            return;
        }

        var takers = owned;
        owned = [.. owned.Where(route => !route.IsForTheRest)];
        var byHead = owned.ToLookup(route => route.Head, StringComparer.OrdinalIgnoreCase);
        foreach (var route in takers)
        {
            faults.GoOn();
            var others = route.Head is { } head ? byHead[head].Concat(byHead[null]) : owned;
            var loser = others.FirstOrDefault(other => OwnerOf(other) != OwnerOf(route) && FileOf(other) != FileOf(route)
                && budget.Take(route, other) && GoesBefore(route, other)
                && route.PathsOverlap(other) && route.HostsOverlap(other) && route.MethodsOverlap(other));
            if (loser is not null)
            {
                var member = route.Route.Entry.Member;
                faults.Warn(
                    FaultCodes.OtherOwner, member.Place, member.Value.Path,
                    $"this route of \"{OwnerOf(route)}\" takes requests from {Name(loser)}, which is of \"{OwnerOf(loser)}\"");
            }
        }
    }

    private static bool GoesBefore(RouteReach route, RouteReach other)
    {
        var order = (route.Order, route.Precedence).CompareTo((other.Order, other.Precedence));
        return order < 0 || route.Hosts.Any(host => IsMoreExact(host, other))
            || (order == 0 && (route.Methods.Count > 0, route.Hosts.Count > 0, Conditions(route))
                .CompareTo((other.Methods.Count > 0, other.Hosts.Count > 0, Conditions(other))) > 0);
    }

    private static int Conditions(RouteReach route) =>
        (route.Route.Config.Match.Headers?.Count ?? 0) + (route.Route.Config.Match.QueryParameters?.Count ?? 0);

    private static string? OwnerOf(RouteReach route) => route.Route.Entry.Section.Text("Owner");

    private static string FileOf(RouteReach route) => route.Route.Entry.Member.Place.File;

    private static string Name(RouteReach route) => $"\"{route.Route.Entry.Id}\" at {route.Route.Entry.Member.Place}";
}
