using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Configuration;

/// <summary>Which requests a route takes, to be compared with another route's: whether one request can fit both.</summary>
internal sealed class RouteReach
{
    /// <summary>Constraints that text of any kind can meet; the others do not let a segment stand for something else.</summary>
    private static readonly string[] Loose = ["regex", "length", "minlength", "maxlength", "required"];

    private readonly IReadOnlyList<RoutePatternPathSegment> _segments;

    private RouteReach(RouteDraft route, RoutePattern pattern)
    {
        Route = route;
        _segments = pattern.PathSegments;
        Precedence = pattern.InboundPrecedence;
    }

    public RouteDraft Route { get; }

    public decimal Precedence { get; }

    public int Order => Route.Config.Order ?? 0;

    public IReadOnlyList<string> Hosts => Route.Config.Match.Hosts ?? [];

    public IReadOnlyList<string> Methods => Route.Config.Match.Methods ?? [];

    public int Count => _segments.Count;

    /// <summary>The first segment where it is literal; null where it may be anything.</summary>
    public string? Head => Count == 0 ? "" : LiteralAt(0);

    /// <summary>No path is left to narrower routes that it does not give up willingly: `/{**rest}` for all hosts.</summary>
    public bool IsForTheRest => Hosts.Count == 0 && Count == 1 && IsWide(0);

    /// <summary>Of all routes whose path can be told and is no secret of a variable's.</summary>
    public static List<RouteReach> Of(Draft draft, FaultList faults)
    {
        var templates = new RouteTemplates();
        var found = new List<RouteReach>();
        foreach (var route in draft.Routes)
        {
            faults.GoOn();
            var match = route.Entry.Section.Object("Match");
            var text = string.IsNullOrEmpty(route.Config.Match.Path) ? "/{**rest}" : route.Config.Match.Path;
            if (match.Exists && !match.IsUnknown("Path") && templates.FaultOf(text, out var pattern) is null)
            {
                found.Add(new RouteReach(route, pattern!));
            }
        }

        return found;
    }

    public bool MethodsOverlap(RouteReach other) => Methods.Count == 0 || other.Methods.Count == 0
        || Methods.Intersect(other.Methods, StringComparer.OrdinalIgnoreCase).Any();

    public bool HostsOverlap(RouteReach other) => Hosts.Count == 0 || other.Hosts.Count == 0
        || Hosts.Any(host => other.Hosts.Any(one => Covers(host, one) || Covers(one, host)));

    /// <summary>A host of a route takes the other host too: the same one, or a wildcard, or without the port.</summary>
    public static bool Covers(string host, string other)
    {
        var (name, port) = Split(host);
        var (otherName, otherPort) = Split(other);
        return (port.Length == 0 || port == otherPort)
            && (name == "*" || name.Equals(otherName, StringComparison.OrdinalIgnoreCase)
                || (name.StartsWith('*') && otherName.EndsWith(name[1..], StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>One path fits both templates.</summary>
    public bool PathsOverlap(RouteReach other)
    {
        for (var i = 0; ; i++)
        {
            if ((i < Count && IsWide(i)) || (i < other.Count && other.IsWide(i)))
            {
                return true;
            }

            if (i >= Count || i >= other.Count)
            {
                return Count == other.Count;
            }

            if (LiteralAt(i) is { } one && other.LiteralAt(i) is { } two && !one.Equals(two, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Whether <paramref name="open"/> takes a path that a destination may read as one of this route's, once it merges slashes, decodes
    /// `%2F` or cuts off what follows a semicolon.
    /// </summary>
    /// <param name="asItIs">The very path of this route counts as well, since it gets there by another host.</param>
    public bool MayBeReadFrom(RouteReach open, bool asItIs) => Aligns(0, open, 0, asItIs);

    private bool Aligns(int at, RouteReach open, int openAt, bool isOther)
    {
        if (openAt == open.Count)
        {
            return at == Count && isOther;
        }

        if (open.IsWide(openAt))
        {
            // All that follows; what is a catch-all here too has nothing narrower to be passed by.
            return isOther || (at < Count && !IsWide(at));
        }

        if (open.LiteralAt(openAt) is { } literal)
        {
            return at < Count && LiteralAt(at)?.Equals(literal, StringComparison.OrdinalIgnoreCase) == true
                && Aligns(at + 1, open, openAt + 1, isOther);
        }

        for (var end = at; end < Count && !IsWide(end); end++)
        {
            var stretches = end > at || LiteralAt(at) is not null;
            if (stretches && !open.IsLoose(openAt))
            {
                return false;
            }

            if (Aligns(end + 1, open, openAt + 1, isOther || stretches))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsWide(int place) =>
        _segments[place] is { IsSimple: true } segment && segment.Parts[0] is RoutePatternParameterPart { IsCatchAll: true };

    private string? LiteralAt(int place) =>
        _segments[place] is { IsSimple: true } segment && segment.Parts[0] is RoutePatternLiteralPart part ? part.Content : null;

    private bool IsLoose(int place) => _segments[place] is { IsSimple: true } segment
        && segment.Parts[0] is RoutePatternParameterPart parameter
        && parameter.ParameterPolicies.All(policy => Loose.Any(name => policy.Content?.StartsWith(name, StringComparison.Ordinal) == true));

    private static (string Name, string Port) Split(string host)
    {
        var colon = host.LastIndexOf(':');
        var port = colon < 0 ? "" : host[(colon + 1)..];
        return (colon < 0 ? host : host[..colon], port == "*" ? "" : port);
    }
}
