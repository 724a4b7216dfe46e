using System.Collections.Immutable;
using System.Runtime.InteropServices;
using EdgeProxy.Yarp;
using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Configuration;

/// <summary>
/// Bounds what routing's table costs. It is a tree of path segments in which what stands below a parameter is repeated below every
/// literal beside it, so that a few kilobytes of routes can ask for more places than there is memory. They are counted as the table would
/// have them, up to the bound, and no table is built beyond it.
/// </summary>
internal static class RouteTableSize
{
    /// <summary>Routes at places of the tree, all places together. Ten thousand routes need tens of thousands.</summary>
    public const int PlacesMax = 1_000_000;

    public static void Check(Draft draft, FaultList faults)
    {
        var templates = new RouteTemplates();
        var routes = new List<Route>();
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            var text = string.IsNullOrEmpty(route.Config.Match.Path) ? "/{**rest}" : route.Config.Match.Path;
            if (templates.FaultOf(text, out var pattern) is null)
            {
                routes.Add(new Route(pattern!, [.. (route.Config.Match.Hosts ?? []).Select(HostKey.Parse)]));
            }
        }

        if (IsTooLarge(routes, templates, faults) && draft.Root.Object("ReverseProxy").Find("Routes") is { } map)
        {
            faults.Error(
                FaultCodes.TooManyCombinations, map.Place, map.Path,
                $"parameters beside literal segments, or hosts beside routes for all hosts, make more than {PlacesMax} combinations");
        }
    }

    private static bool IsTooLarge(List<Route> routes, RouteTemplates templates, FaultList faults)
    {
        var open = new Stack<(List<Route> Routes, int Depth)>();
        open.Push((routes, 0));
        var places = 0L;
        while (open.TryPop(out var place))
        {
            faults.GoOn();
            places += place.Routes.Count + HostPlaces(place.Routes, place.Depth);
            if (places > PlacesMax)
            {
                return true;
            }

            foreach (var below in Split(place.Routes, place.Depth, templates))
            {
                faults.GoOn();
                open.Push((below, place.Depth + 1));
            }
        }

        return false;
    }

    /// <summary>Below each host stand its own routes, those of the wildcards that hold it and those for all hosts.</summary>
    private static long HostPlaces(List<Route> routes, int depth)
    {
        var hosts = new Dictionary<HostKey, int>();
        var forAll = 0L;
        foreach (var route in routes.Where(route => route.EndsAt(depth)))
        {
            forAll += route.Hosts.Length == 0 ? 1 : 0;
            foreach (var host in route.Hosts)
            {
                hosts[host] = hosts.GetValueOrDefault(host) + 1;
            }
        }

        return hosts.Keys.Sum(host => forAll + WithWildcards(host, hosts));
    }

    private static long WithWildcards(HostKey host, Dictionary<HostKey, int> hosts)
    {
        var count = (long)hosts[host];
        for (var dot = host.Host.IndexOf('.', Math.Min(1, host.Host.Length)); dot >= 0; dot = host.Host.IndexOf('.', dot + 1))
        {
            count += hosts.GetValueOrDefault(host with { Host = host.Host[dot..] });
        }

        return count;
    }

    private static IEnumerable<List<Route>> Split(List<Route> routes, int depth, RouteTemplates templates)
    {
        var literals = new Dictionary<string, List<Route>>(StringComparer.OrdinalIgnoreCase);
        var others = new List<Route>();
        var wide = new List<Route>();
        foreach (var route in routes)
        {
            if (route.LiteralAt(depth) is { } literal)
            {
                (CollectionsMarshal.GetValueRefOrAddDefault(literals, literal, out _) ??= []).Add(route);
            }
            else if (route.IsWideAt(depth))
            {
                wide.Add(route);
            }
            else if (depth < route.Pattern.PathSegments.Count)
            {
                others.Add(route);
            }
        }

        foreach (var (literal, own) in literals)
        {
            own.AddRange(others.Where(other => other.MayBe(depth, literal, templates)));
            own.AddRange(wide);
            yield return own;
        }

        if (others.Count > 0)
        {
            others.AddRange(wide);
            yield return others;
        }
    }

    private readonly record struct Route(RoutePattern Pattern, ImmutableArray<HostKey> Hosts)
    {
        public bool EndsAt(int depth) => depth == Pattern.PathSegments.Count || IsWideAt(depth);

        /// <summary>A catch-all stands at this depth or before: it fits whatever follows.</summary>
        public bool IsWideAt(int depth) =>
            Pattern.PathSegments.Count > 0 && depth >= Pattern.PathSegments.Count - 1
            && Pattern.PathSegments[^1] is { IsSimple: true } last && last.Parts[0] is RoutePatternParameterPart { IsCatchAll: true };

        public string? LiteralAt(int depth) =>
            depth < Pattern.PathSegments.Count && Pattern.PathSegments[depth] is { IsSimple: true } segment
            && segment.Parts[0] is RoutePatternLiteralPart literal
                ? literal.Content
                : null;

        public bool MayBe(int depth, string literal, RouteTemplates templates) =>
            Pattern.PathSegments[depth] is not { IsSimple: true } segment
            || segment.Parts[0] is not RoutePatternParameterPart parameter
            || templates.MayBe(parameter, literal);
    }
}
