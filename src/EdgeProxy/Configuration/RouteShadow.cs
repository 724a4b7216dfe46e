namespace EdgeProxy.Configuration;

/// <summary>
/// Warns of a route that can never match: routes of a lower Order take all of its hosts, methods and paths, whatever else a request
/// holds. Said only where the texts prove it: the wider route has no conditions, and its path is the same text, or literal segments
/// that the other one begins with and a catch-all behind them. Linear in routes.
/// </summary>
internal static class RouteShadow
{
    private const string Any = "*";

    public static void Check(Draft draft, FaultList faults)
    {
        var takers = new Dictionary<(string Path, string Host, string Method), RouteDraft>();
        foreach (var route in draft.Routes.Where(IsUnconditional))
        {
            faults.GoOn();
            var path = TakenBy(route.Config.Match.Path);
            foreach (var key in KindsOf(route).Select(kind => (path, kind.Host, kind.Method)))
            {
                if (!takers.TryGetValue(key, out var other) || OrderOf(route) < OrderOf(other))
                {
                    takers[key] = route;
                }
            }
        }

        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            if (FindTaker(route, takers, faults) is { } wider)
            {
                var member = route.Entry.Member;
                faults.Warn(
                    FaultCodes.Shadowed, member.Place, member.Value.Path,
                    $"no request gets here: \"{wider.Entry.Id}\" at {wider.Entry.Member.Place} takes them all, by its lower Order");
            }
        }
    }

    /// <summary>Of the routes that take what this one would, one; null when it has a kind of request to itself.</summary>
    private static RouteDraft? FindTaker(
        RouteDraft route, Dictionary<(string, string, string), RouteDraft> takers, FaultList faults)
    {
        var paths = PrefixesOf(route.Config.Match.Path);
        RouteDraft? taker = null;
        foreach (var (host, method) in KindsOf(route))
        {
            faults.GoOn();
            taker = paths
                .SelectMany(path => new[] { (path, host, method), (path, host, Any), (path, Any, method), (path, Any, Any) })
                .Select(key => takers.GetValueOrDefault(key))
                .FirstOrDefault(one => one is not null && OrderOf(one) < OrderOf(route));
            if (taker is null)
            {
                return null;
            }
        }

        return taker;
    }

    private static int OrderOf(RouteDraft route) => route.Config.Order ?? 0;

    private static bool IsUnconditional(RouteDraft route) =>
        route.Config.Match is { Headers: null or { Count: 0 }, QueryParameters: null or { Count: 0 } };

    /// <summary>A request has one host and one method. An exact host goes before a wildcard, whatever the Order.</summary>
    private static IEnumerable<(string Host, string Method)> KindsOf(RouteDraft route) =>
        from host in route.Config.Match.Hosts is { Count: > 0 } hosts ? hosts : [Any]
        from method in route.Config.Match.Methods is { Count: > 0 } methods ? methods.Distinct(StringComparer.OrdinalIgnoreCase) : [Any]
        select (host.ToUpperInvariant(), method.ToUpperInvariant());

    /// <summary>`/A/` for the catch-all `/a/{**rest}`; else the text as it is, which only the same text is sure to be taken by.</summary>
    private static string TakenBy(string? path)
    {
        var segments = SegmentsOf(path);
        return IsPlainCatchAll(segments[^1]) && segments[..^1].All(IsLiteral) ? PrefixOf(segments[..^1]) : path!;
    }

    /// <summary>All that a route of this path may be taken by: its own text, and its literal beginnings.</summary>
    private static IEnumerable<string> PrefixesOf(string? path)
    {
        var segments = SegmentsOf(path);
        var literals = segments.TakeWhile(IsLiteral).Count();
        return Enumerable.Range(0, literals + 1).Select(count => PrefixOf(segments[..count])).Append(path ?? "");
    }

    private static string[] SegmentsOf(string? path) =>
        string.IsNullOrEmpty(path) ? ["{**rest}"] : path.TrimStart('/').Split('/');

    private static string PrefixOf(string[] literals) => "/" + string.Concat(literals.Select(literal => literal.ToUpperInvariant() + "/"));

    private static bool IsLiteral(string segment) => segment.Length > 0 && !segment.Contains('{', StringComparison.Ordinal);

    /// <summary>`{**rest}` or `{*rest}`, without a constraint or a default.</summary>
    private static bool IsPlainCatchAll(string segment) =>
        segment.StartsWith("{*", StringComparison.Ordinal) && segment.EndsWith('}') && segment.IndexOfAny([':', '=', '?']) < 0
        && segment.IndexOf('{', 1) < 0;
}
