using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.AspNetCore.Routing.Patterns;
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

        if (match.Find("Path") is ScalarNode { Text.Length: > 0 } path && templates.FaultOf(path.Text, out _) is { } fault)
        {
            var reason = path.IsExpanded ? "" : $": {fault}"; // which may quote the path
            faults.Error(FaultCodes.InvalidPath, path, $"{path.Shown} is not a route template{reason}");
        }
        else if (match.Find("Path") is ScalarNode { IsExpanded: false } literal && literal.Text.EndsWith("/*", StringComparison.Ordinal))
        {
            faults.Warn(
                FaultCodes.LiteralStar, literal.Place, literal.Path,
                $"the * of {literal.Shown} is that character and takes no other path; did you mean \"{literal.Text[..^1]}{{**rest}}\"?");
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

/// <summary>Route templates as the platform's routing parses them, with the constraints that it knows.</summary>
internal sealed class RouteTemplates
{
    /// <summary>The platform cannot rank templates with more segments.</summary>
    private const int SegmentsMax = 28;

    private static readonly ParameterPolicyFactory Policies =
        new ServiceCollection().AddLogging().AddRouting().BuildServiceProvider().GetRequiredService<ParameterPolicyFactory>();

    private readonly HashSet<string> _knownConstraints = [];

    /// <summary>What is wrong with a template; null when nothing is.</summary>
    public string? FaultOf(string text, out RoutePattern? pattern)
    {
        pattern = null;
        try
        {
            var parsed = RoutePatternFactory.Parse(text);
            if (parsed.PathSegments.Count > SegmentsMax)
            {
                return $"it has more than {SegmentsMax} segments";
            }

            foreach (var (name, references) in parsed.ParameterPolicies)
            {
                foreach (var reference in references)
                {
                    Resolve(parsed.GetParameter(name)!, reference);
                }
            }

            pattern = parsed;
            return null;
        }
        catch (RoutePatternException exception)
        {
            return OneLine(exception.Message);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or RouteCreationException)
        {
            // What the platform would say at the first request, for every route.
            return OneLine(exception.InnerException?.Message ?? exception.Message);
        }
    }

    private void Resolve(RoutePatternParameterPart parameter, RoutePatternParameterPolicyReference reference)
    {
        if (reference.Content is { } content && !_knownConstraints.Contains(content))
        {
            if (Policies.Create(parameter, reference) is RegexRouteConstraint regex)
            {
                _ = regex.Constraint; // parsed at first use, which would be the first request
            }

            _knownConstraints.Add(content);
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").TrimEnd('.');
}
