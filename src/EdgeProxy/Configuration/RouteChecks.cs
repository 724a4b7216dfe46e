using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>What must hold in a route beyond types and ranges.</summary>
internal static class RouteChecks
{
    public static void Check(Draft draft, FaultList faults)
    {
        var templates = new RouteTemplates();
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            CheckKeys(route.Entry.Section, faults);
            CheckMatch(route, templates, faults);
        }
    }

    private static void CheckKeys(Section route, FaultList faults)
    {
        foreach (var (one, other) in new[] { ("RateLimiterPolicy", "RateLimits"), ("Timeout", "TimeoutPolicy") })
        {
            if (route.Has(one) && route.Has(other))
            {
                faults.Error(FaultCodes.ConflictingKeys, route.Find(other)!, $"{one} and {other} are both set; they say the same thing");
            }
        }

        if (route.Switch("RewriteLocation") && !route.Items("Transforms").Any(transform => transform.Knows("PathRemovePrefix")))
        {
            faults.Error(FaultCodes.MissingKey, route.Find("RewriteLocation")!, "RewriteLocation needs a PathRemovePrefix in Transforms");
        }
    }

    private static void CheckMatch(RouteDraft route, RouteTemplates templates, FaultList faults)
    {
        var match = route.Entry.Section.Object("Match");
        if (match.Node is not { } node)
        {
            return;
        }

        if (node.Find("Path") is null or { Value: ScalarNode { Text: "" or null } or ScalarNode { IsNull: true } }
            && node.Find("Hosts") is null or { Value: ListNode { Items.Count: 0 } or ScalarNode { IsNull: true } })
        {
            faults.Error(FaultCodes.NoMatch, node.Place, node.Path, "a route needs a Path or Hosts; \"/{**rest}\" takes every path");
        }

        if (match.Find("Path") is ScalarNode { Text.Length: > 0 } path)
        {
            CheckPath(path, templates, faults);
        }

        foreach (var host in match.Scalars("Hosts"))
        {
            if (AddressText.FaultOfHost(host.Text) is { } hostFault)
            {
                faults.Error(
                    FaultCodes.InvalidHost, host,
                    $"{host.Shown} {hostFault}", host.IsExpanded ? null : AddressText.SuggestHost(host.Text));
            }
        }

        foreach (var header in match.Items("Headers"))
        {
            CheckValues(header, header.Choice<HeaderMatchMode>("Mode") is HeaderMatchMode.Exists or HeaderMatchMode.NotExists, faults);
        }

        foreach (var parameter in match.Items("QueryParameters"))
        {
            CheckValues(parameter, parameter.Choice<QueryParameterMatchMode>("Mode") is QueryParameterMatchMode.Exists, faults);
        }
    }

    private static void CheckPath(ScalarNode path, RouteTemplates templates, FaultList faults)
    {
        if (templates.FaultOf(path.Text, out var pattern) is { } fault)
        {
            var reason = path.IsExpanded ? "" : $": {fault}"; // which may quote the path
            faults.Error(FaultCodes.InvalidPath, path, $"{path.Shown} is not a route template{reason}");
            return;
        }

        if (templates.Backtracks(pattern!))
        {
            faults.Warn(
                FaultCodes.BacktrackingRegex, path.Place, path.Path,
                "a regex here can only be decided by backtracking (a back reference, a lookaround), or is too large: "
                + "values that take it long are refused with 400");
        }

        if (!path.IsExpanded && path.Text.Split('/').Any(IsStar))
        {
            faults.Warn(
                FaultCodes.LiteralStar, path.Place, path.Path,
                $"the * of {path.Shown} is that character and takes no other path", WithParameters(path.Text));
        }
    }

    private static bool IsStar(string segment) => segment is "*" or "**";

    /// <summary>What stars mean elsewhere: the last one all that follows, one within the path a segment.</summary>
    private static string WithParameters(string path)
    {
        var segments = path.Split('/');
        var names = 0;
        for (var i = 0; i < segments.Length; i++)
        {
            if (IsStar(segments[i]))
            {
                segments[i] = i == segments.Length - 1 ? "{**rest}" : $"{{any{(names == 0 ? "" : names)}}}";
                names++;
            }
        }

        return string.Join('/', segments);
    }

    private static void CheckValues(Section condition, bool isPresence, FaultList faults)
    {
        // A faulty list or mode has had its word.
        if (condition.Node!.Find("Values") is { Value.IsFaulty: true } || condition.Node.Find("Mode") is { Value.IsFaulty: true })
        {
            return;
        }

        var hasValues = condition.Find("Values") is ListNode { Items.Count: > 0 };
        if (hasValues == isPresence)
        {
            var mode = condition.Text("Mode");
            faults.Error(
                FaultCodes.ConflictingKeys, condition.Node.Place, condition.Node.Path,
                isPresence ? $"{mode} looks at presence only: Values have no meaning" : $"{mode} needs Values to compare with");
        }
    }
}
