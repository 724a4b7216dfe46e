using System.Text;
using Microsoft.AspNetCore.Routing.Patterns;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Configuration;

/// <summary>
/// Finds two routes that the same request fits equally well: the platform answers such a request with an exception.
/// Every route is spelled out into the kinds of request it takes (one host, one method, one value of each condition); two
/// routes with one kind in common are told apart by nothing. Linear in routes, however many share a path.
/// </summary>
internal static class RouteOverlap
{
    /// <summary>A route with more kinds than this counts as one kind of its own: equal only to its exact twin.</summary>
    private const int KindsMax = 1024;

    /// <summary>Letters of all kinds together; from there on each route counts as one kind.</summary>
    private const long LettersMax = 128L << 20;

    public static void Check(Draft draft, FaultList faults)
    {
        var templates = new RouteTemplates();
        var owners = new Dictionary<string, RouteDraft>(StringComparer.Ordinal);
        var letters = LettersMax;
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            var text = string.IsNullOrEmpty(route.Config.Match.Path) ? "/{**rest}" : route.Config.Match.Path;
            var match = route.Entry.Section.Object("Match");
            if (!match.Exists || HasFault(match.Node!) || templates.FaultOf(text, out var pattern) is not null)
            {
                continue;
            }

            foreach (var kind in KindsOf(route.Config, pattern!, ref letters))
            {
                if (!owners.TryAdd(kind, route))
                {
                    Report(route, owners[kind], faults);
                    break;
                }
            }
        }
    }

    private static void Report(RouteDraft route, RouteDraft other, FaultList faults)
    {
        var member = route.Entry.Member;
        faults.Error(
            FaultCodes.AmbiguousRoutes, member.Place, member.Value.Path,
            $"no request can tell this route from \"{other.Entry.Id}\" at {other.Entry.Member.Place}; give one of them an Order");
    }

    private static IEnumerable<string> KindsOf(RouteConfig route, RoutePattern pattern, ref long letters)
    {
        var match = route.Match;
        var prefix = $"{route.Order ?? 0} {ShapeOf(pattern)}";
        List<IReadOnlyList<string>> dimensions =
        [
            match.Hosts is { Count: > 0 } hosts ? [.. hosts.Select(HostOf)] : ["any host"],
            match.Methods is { Count: > 0 } methods ? [.. methods.Select(m => m.ToUpperInvariant())] : ["any method"],
            .. (match.Headers ?? []).Select(ValuesOf).Order(FirstText.Comparer),
            ["&"],
            .. (match.QueryParameters ?? []).Select(ValuesOf).Order(FirstText.Comparer),
        ];

        var count = dimensions.Aggregate(1L, (product, values) => Math.Min(KindsMax + 1, product * values.Count));
        letters -= count * (prefix.Length + dimensions.Sum(values => values.Max(value => value.Length + 1L)));
        return count > KindsMax || letters < 0
            ? [prefix + " " + string.Join(' ', dimensions.Select(values => string.Join('|', values.Order(StringComparer.Ordinal))))]
            : dimensions.Aggregate((IEnumerable<string>)[prefix], Cross).Distinct();
    }

    private static IEnumerable<string> Cross(IEnumerable<string> kinds, IReadOnlyList<string> values) =>
        kinds.SelectMany(kind => values.Select(value => kind + " " + value));

    /// <summary>A template without what no request shows: names of parameters, case of literals, optional or not, defaults.</summary>
    private static string ShapeOf(RoutePattern pattern)
    {
        var shape = new StringBuilder();
        foreach (var segment in pattern.PathSegments)
        {
            shape.Append('/');
            foreach (var part in segment.Parts)
            {
                switch (part)
                {
                    case RoutePatternLiteralPart literal:
                        shape.Append(Quote(literal.Content.ToUpperInvariant()));
                        break;
                    case RoutePatternSeparatorPart separator:
                        shape.Append(Quote(separator.Content));
                        break;
                    case RoutePatternParameterPart parameter:
                        shape.Append(parameter.IsCatchAll ? "{**" : "{");
                        shape.AppendJoin(':', parameter.ParameterPolicies.Select(p => p.Content).Order(StringComparer.Ordinal)).Append('}');
                        break;
                }
            }
        }

        return shape.ToString();
    }

    private static string HostOf(string host)
    {
        var name = host.EndsWith(":*", StringComparison.Ordinal) ? host[..^2] : host;
        return Quote(name.ToUpperInvariant());
    }

    private static IReadOnlyList<string> ValuesOf(RouteHeader header) => ValuesOf(
        $"{header.Name.ToUpperInvariant()} {header.Mode}", header.Values, header.IsCaseSensitive,
        isAll: header.Mode == HeaderMatchMode.NotContains);

    private static IReadOnlyList<string> ValuesOf(RouteQueryParameter query) => ValuesOf(
        $"{query.Name.ToUpperInvariant()} {query.Mode}", query.Values, query.IsCaseSensitive,
        isAll: query.Mode == QueryParameterMatchMode.NotContains);

    private static IReadOnlyList<string> ValuesOf(string condition, IReadOnlyList<string>? values, bool isCaseSensitive, bool isAll)
    {
        if (values is not { Count: > 0 })
        {
            return [condition];
        }

        var texts = values
            .Select(value => Quote(isCaseSensitive ? value : value.ToUpperInvariant()))
            .Distinct()
            .Order(StringComparer.Ordinal);
        var prefix = $"{condition} {isCaseSensitive} ";
        // "None of these" is one condition; "one of these" is as many as there are values.
        return isAll ? [prefix + string.Join('|', texts)] : [.. texts.Select(text => prefix + text)];
    }

    private static string Quote(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static bool HasFault(Node node) => node.IsFaulty || node switch
    {
        ObjectNode keys => keys.Members.Any(m => HasFault(m.Value)),
        ListNode list => list.Items.Any(HasFault),
        _ => false,
    };

    /// <summary>Conditions in one order, whatever the order they were written in.</summary>
    private sealed class FirstText : IComparer<IReadOnlyList<string>>
    {
        public static readonly FirstText Comparer = new();

        public int Compare(IReadOnlyList<string>? x, IReadOnlyList<string>? y) => string.CompareOrdinal(x![0], y![0]);
    }
}
