using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Yarp;

/// <summary>
/// Values of a route as they stand in the request's path, escapes and all. A value that is a part of a segment only, such as in
/// `{name}.{type}`, is escaped anew.
/// </summary>
internal sealed class RouteValueText
{
    private readonly Dictionary<string, (int Segment, bool IsCatchAll)> _places = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="path">The route's `Match.Path`; null: it has no values.</param>
    public RouteValueText(string? path)
    {
        foreach (var (index, segment) in path is null ? [] : RoutePatternFactory.Parse(path).PathSegments.Index())
        {
            if (segment.Parts is [RoutePatternParameterPart parameter])
            {
                _places[parameter.Name] = (index, parameter.IsCatchAll);
            }
        }
    }

    /// <summary>For a path. Null: the request has no such value.</summary>
    public string? InPath(string name, HttpContext http) => AsReceived(name, http) ?? (Decoded(name, http) is { } value
        ? RequestTarget.Escape(value)
            .Replace("%252F", "%2F", StringComparison.Ordinal) // routing leaves these alone
            .Replace("%252f", "%2f", StringComparison.Ordinal)
        : null);

    /// <summary>For a query: what would end the value there is escaped as well. Null: the request has no such value.</summary>
    public string? InQuery(string name, HttpContext http)
    {
        if (AsReceived(name, http) is not { } received)
        {
            return Decoded(name, http) is { } value ? UrlEncoder.Default.Encode(value) : null;
        }

        var text = new StringBuilder(received.Length + 16);
        for (var rest = received.AsSpan(); !rest.IsEmpty;)
        {
            var isEscape = rest is ['%', var high, var low, ..] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low);
            var length = isEscape ? 3 : rest[1..].IndexOf('%') is var next and >= 0 ? next + 1 : rest.Length;
            text.Append(isEscape ? rest[..length].ToString() : UrlEncoder.Default.Encode(rest[..length].ToString()));
            rest = rest[length..];
        }

        return text.ToString();
    }

    private static string? Decoded(string name, HttpContext http) =>
        http.Request.RouteValues.TryGetValue(name, out var value) ? value?.ToString() : null;

    private string? AsReceived(string name, HttpContext http)
    {
        if (!_places.TryGetValue(name, out var place))
        {
            return null;
        }

        var path = RequestTarget.Of(http).Received.AsSpan();
        path = path[RequestTarget.StartOf(path, place.Segment)..];
        if (path.Length < 2)
        {
            return null; // the value is one that the route gives by default, if any
        }

        path = path[1..];
        return (place.IsCatchAll || path.IndexOf('/') is not (var end and >= 0) ? path : path[..end]).ToString();
    }
}
