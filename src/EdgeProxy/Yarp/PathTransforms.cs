using Microsoft.AspNetCore.Routing.Patterns;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>`PathSet`, `PathPrefix` and `PathRemovePrefix`.</summary>
/// <param name="change">What it does with the target.</param>
/// <param name="path">Decoded.</param>
internal sealed class PathTransform(Action<RequestTarget, string> change, string path) : RequestTransform
{
    private readonly string _path = path.StartsWith('/') ? path : "/" + path;

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        change(RequestTarget.Of(context.HttpContext), _path);
        return default;
    }
}

/// <summary>`PathPattern`: fills a template with the values of the route, as they stand in the path.</summary>
internal sealed class PathPatternTransform(string pattern, RouteValueText values) : RequestTransform
{
    private readonly RoutePattern _pattern = RoutePatternFactory.Parse(pattern.StartsWith('/') ? pattern : "/" + pattern);

    public override ValueTask ApplyAsync(RequestTransformContext context)
    {
        RequestTarget.Of(context.HttpContext).SetEscapedPath(Fill(context.HttpContext));
        return default;
    }

    /// <summary>Empty when a value is missing that the template needs.</summary>
    private string Fill(HttpContext http)
    {
        var path = "";
        var isOver = false;
        foreach (var segment in _pattern.PathSegments)
        {
            if (Fill(segment, http) is not { } text || (isOver && text.Length > 0))
            {
                return "";
            }

            isOver |= text.Length == 0;
            path += isOver ? "" : "/" + text;
        }

        return path.Length == 0 ? "/" : path;
    }

    /// <summary>Empty for an optional value that is missing; null for one that is not optional.</summary>
    private string? Fill(RoutePatternPathSegment segment, HttpContext http)
    {
        var text = "";
        var separator = "";
        foreach (var part in segment.Parts)
        {
            switch (part)
            {
                case RoutePatternLiteralPart literal:
                    text += RequestTarget.Escape(literal.Content);
                    break;
                case RoutePatternSeparatorPart between:
                    separator = RequestTarget.Escape(between.Content); // of an optional value: goes with it
                    break;
                case RoutePatternParameterPart parameter when values.InPath(parameter.Name, http) is { Length: > 0 } value:
                    text += separator + value;
                    break;
                case RoutePatternParameterPart { Default: { } value }:
                    text += separator + RequestTarget.Escape(value.ToString()!);
                    break;
                case RoutePatternParameterPart { IsOptional: false, IsCatchAll: false }:
                    return null;
                default:
                    break;
            }
        }

        return text;
    }
}
