using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Configuration;

/// <summary>Warns of transforms that do nothing on the route that they stand on.</summary>
internal static class TransformChecks
{
    /// <summary>The value of the path that a route without one has.</summary>
    private const string AllOfIt = "catchall";

    public static void Check(Draft draft, FaultList faults)
    {
        var templates = new RouteTemplates();
        foreach (var route in draft.Routes.Where(route => route.Entry.Section.Has("Transforms")))
        {
            faults.GoOn();
            var match = route.Entry.Section.Object("Match");
            var text = route.Config.Match.Path;
            RoutePattern? pattern = null;
            if (!match.Exists || match.IsUnknown("Path")
                || (!string.IsNullOrEmpty(text) && templates.FaultOf(text, out pattern) is not null))
            {
                continue;
            }

            var isPathTouched = false;
            foreach (var transform in route.Entry.Section.Items("Transforms"))
            {
                CheckValues(transform, pattern, faults);
                isPathTouched = CheckPrefix(transform, pattern, isPathTouched, faults);
                if (transform.Knows("ClientCert") && transform.Find("ClientCert") is { } certificate)
                {
                    faults.Warn(
                        FaultCodes.NoClientCertificate, certificate.Place, certificate.Path,
                        "no listener asks clients for certificates: the field is never sent");
                }
            }
        }
    }

    private static void CheckValues(Section transform, RoutePattern? pattern, FaultList faults)
    {
        if (transform.Knows("PathPattern") && transform.Find("PathPattern") is ScalarNode template)
        {
            foreach (var name in ParametersOf(template.Text).Where(one => one.Default is null).Select(one => one.Name))
            {
                if (!HasValue(pattern, name))
                {
                    WarnOfValue(template, template.IsExpanded ? template.Written : name, faults);
                }
            }
        }
        else if (transform.Knows("QueryRouteParameter") || transform.Knows("RequestHeaderRouteValue"))
        {
            if ((transform.Find("Set") ?? transform.Find("Append")) is ScalarNode value && !HasValue(pattern, value.Text))
            {
                WarnOfValue(value, value.IsExpanded ? value.Written : value.Text, faults);
            }
        }
    }

    private static void WarnOfValue(ScalarNode node, string name, FaultList faults) => faults.Warn(
        FaultCodes.UnknownRouteValue, node.Place, node.Path, $"the route's path has no value \"{name}\": nothing stands in its place");

    private static bool HasValue(RoutePattern? pattern, string name) => pattern is null
        ? name.Equals(AllOfIt, StringComparison.OrdinalIgnoreCase)
        : pattern.GetParameter(name) is not null || pattern.Defaults.ContainsKey(name);

    private static IEnumerable<RoutePatternParameterPart> ParametersOf(string template)
    {
        try
        {
            return RoutePatternFactory.Parse(template).Parameters;
        }
        catch (RoutePatternException)
        {
            return []; // for YARP to say
        }
    }

    /// <summary>Whether a transform up to here has changed the path that a prefix is looked for in.</summary>
    private static bool CheckPrefix(Section transform, RoutePattern? pattern, bool isPathTouched, FaultList faults)
    {
        if (!transform.Knows("PathRemovePrefix"))
        {
            return isPathTouched || transform.Knows("PathSet") || transform.Knows("PathPrefix") || transform.Knows("PathPattern");
        }

        if (!isPathTouched && pattern is not null
            && transform.Find("PathRemovePrefix") is ScalarNode prefix && !CanBegin(pattern, prefix.Text))
        {
            faults.Warn(
                FaultCodes.UnmatchedPrefix, prefix.Place, prefix.Path,
                $"no path of this route begins with {prefix.Shown}: nothing is removed");
        }

        return true;
    }

    /// <summary>Segments are compared, as YARP does: `/api` is no beginning of `/apis`.</summary>
    private static bool CanBegin(RoutePattern pattern, string prefix)
    {
        var wanted = prefix.Trim('/').Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < wanted.Length; i++)
        {
            if (i >= pattern.PathSegments.Count)
            {
                return false;
            }

            var first = pattern.PathSegments[i].Parts[0];
            if (first is RoutePatternParameterPart { IsCatchAll: true })
            {
                return true;
            }

            if (pattern.PathSegments[i].IsSimple && first is RoutePatternLiteralPart literal
                && !literal.Content.Equals(wanted[i], StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return true;
    }
}
