namespace EdgeProxy.Configuration;

/// <summary>
/// Warns of a route that asks for a client beside a wider one to the same cluster that does not. Paths go on byte for byte, so
/// `//priv/x` and `/priv%2Fx` are of the wider route, and a destination that merges slashes or decodes them serves them as `/priv/x`.
/// </summary>
internal static class PathBypass
{
    public static void Check(Draft draft, FaultList faults)
    {
        var open = new Dictionary<string, RouteDraft>(StringComparer.OrdinalIgnoreCase);
        foreach (var route in draft.Routes)
        {
            if (!RequiresClient(route) && IsCatchAll(route))
            {
                open.TryAdd(KeyOf(route, LiteralOf(route)), route);
            }
        }

        foreach (var route in draft.Routes.Where(RequiresClient))
        {
            var literal = LiteralOf(route);
            if (FindWider(route, literal, open) is { } wider)
            {
                var member = route.Entry.Member;
                faults.Warn(
                    FaultCodes.PathBypass, member.Place, member.Value.Path,
                    $"\"{wider.Entry.Id}\" at {wider.Entry.Member.Place} leads to the same cluster and asks for no client: "
                    + "a destination that merges slashes or decodes %2F would serve this route's resources there");
            }
        }
    }

    private static RouteDraft? FindWider(RouteDraft route, string literal, Dictionary<string, RouteDraft> open)
    {
        for (var slash = literal.TrimEnd('/').LastIndexOf('/'); slash >= 0; slash = slash == 0 ? -1 : literal.LastIndexOf('/', slash - 1))
        {
            if (open.TryGetValue(KeyOf(route, literal[..(slash + 1)]), out var wider))
            {
                return wider;
            }
        }

        return null;
    }

    private static bool RequiresClient(RouteDraft route) => route.Entry.Section.Switch("RequireClient");

    private static bool IsCatchAll(RouteDraft route) =>
        string.IsNullOrEmpty(route.Config.Match.Path) || route.Config.Match.Path.Contains("{*", StringComparison.Ordinal);

    /// <summary>What stands before the first parameter, with a slash at both ends.</summary>
    private static string LiteralOf(RouteDraft route)
    {
        var path = route.Config.Match.Path ?? "";
        var brace = path.IndexOf('{');
        var literal = (brace < 0 ? path : path[..brace]).Trim('/');
        return literal.Length == 0 ? "/" : $"/{literal}/";
    }

    private static string KeyOf(RouteDraft route, string literal) => $"{route.Config.ClusterId} {literal}";
}
