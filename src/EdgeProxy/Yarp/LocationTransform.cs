using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>`RewriteLocation`: references of a destination behind `PathRemovePrefix` lead through the edge.</summary>
internal sealed class LocationTransform : ResponseTransform
{
    private readonly LocationText _text;

    private LocationTransform(LocationText text) => _text = text;

    public static LocationTransform Of(RouteConfig route)
    {
        var steps = new List<(bool IsRemoved, string Prefix)>();
        foreach (var transform in route.Transforms ?? [])
        {
            if (transform.TryGetValue("PathRemovePrefix", out var removed))
            {
                steps.Add((IsRemoved: true, Prefix(removed)));
            }
            else if (transform.TryGetValue("PathPrefix", out var added))
            {
                steps.Add((IsRemoved: false, Prefix(added)));
            }
        }

        return new LocationTransform(new LocationText(steps));
    }

    public override ValueTask ApplyAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is { RequestMessage: { RequestUri: { } target } request } response
            && context.HttpContext.Edge().SentTo is { } address)
        {
            foreach (var field in (ReadOnlySpan<string>)["Location", "Content-Location"])
            {
                var headers = field == "Location" ? (System.Net.Http.Headers.HttpHeaders)response.Headers : response.Content.Headers;
                if (headers.NonValidated.TryGetValues(field, out var values) && values.Count == 1
                    && _text.Rewrite(
                        values.ToString(), address, [target.Authority, request.Headers.Host],
                        context.HttpContext.Request.Host.Value) is { } rewritten)
                {
                    headers.Remove(field);
                    headers.TryAddWithoutValidation(field, rewritten); // for transforms that do not copy
                    if (context.HeadersCopied)
                    {
                        context.HttpContext.Response.Headers[field] = rewritten;
                    }
                }
            }
        }

        return default;
    }

    private static string Prefix(string path) => RequestTarget.Escape(path.StartsWith('/') ? path : "/" + path).TrimEnd('/');
}
