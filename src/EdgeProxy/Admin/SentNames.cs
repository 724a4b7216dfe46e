using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Patterns;

namespace EdgeProxy.Admin;

/// <summary>
/// Gives handlers the names in a path as they were sent. The server leaves `%2F` as it is and decodes `%252F` to the same: only the
/// bytes that came tell an id with a slash from one with an escape in it.
/// </summary>
internal static class SentNames
{
    public static void Restore(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint { RoutePattern: { Parameters.Count: > 0 } pattern }
            || context.Features.Get<IHttpRequestFeature>()?.RawTarget is not ['/', ..] target)
        {
            return;
        }

        var query = target.IndexOf('?', StringComparison.Ordinal);
        var sent = (query < 0 ? target : target[..query]).Trim('/').Split('/');
        if (sent.Length != pattern.PathSegments.Count)
        {
            return; // with dot segments, which no name needs
        }

        foreach (var (place, segment) in pattern.PathSegments.Index())
        {
            if (segment.Parts is [RoutePatternParameterPart parameter])
            {
                context.Request.RouteValues[parameter.Name] = Uri.UnescapeDataString(sent[place]);
            }
        }
    }
}
