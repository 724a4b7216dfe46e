using System.Collections.Frozen;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>
/// Trailers of a destination that end at the edge: what only the edge may say, and what may not be a trailer (RFC 9110, 6.5.1) since a
/// client that merges it into the head would take it for framing, for credentials or for how to read the body. Runs before the
/// transforms of the route.
/// </summary>
internal sealed class TrailerFields : ResponseTrailersTransform
{
    private const string EdgePrefix = "X-Edge-";
    private const string LimitPrefix = "RateLimit";
    private const string LegacyLimitPrefix = "X-RateLimit-";

    private static readonly FrozenSet<string> Forbidden = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        EdgeFields.RequestId, "Transfer-Encoding", "Content-Length", "Content-Encoding", "Content-Type", "Content-Range", "Trailer", "Host",
        "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "TE", "Authorization", "Proxy-Authorization", "WWW-Authenticate",
        "Proxy-Authenticate", "Set-Cookie", "Cookie");

    /// <summary>Control of the response. Metadata of gRPC may have such names.</summary>
    private static readonly FrozenSet<string> Control = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Age", "Cache-Control", "Date", "Expires", "Location", "Pragma", "Retry-After", "Vary", "Warning");

    public override ValueTask ApplyAsync(ResponseTrailersTransformContext context)
    {
        if (context.ProxyResponse?.TrailingHeaders is { } trailers && trailers.NonValidated.Count > 0)
        {
            Clean(trailers, context.HttpContext);
        }

        return default;
    }

    private static void Clean(System.Net.Http.Headers.HttpResponseHeaders trailers, HttpContext client)
    {
        var edge = client.Edge();
        var isGrpc = GrpcAnswer.IsExpected(client.Request.ContentType);
        var copied = client.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        foreach (var (name, values) in trailers.NonValidated.ToList())
        {
            if (Forbidden.Contains(name)
                || (!isGrpc && Control.Contains(name))
                || Begins(name, EdgePrefix)
                || (edge.RateLimits is not null && (Begins(name, LimitPrefix) || Begins(name, LegacyLimitPrefix)))
                || (name.Equals(EdgeFields.ProxyStatus, StringComparison.OrdinalIgnoreCase)
                    && ResponseFields.Names(values, edge.Revision.Edge.Name)))
            {
                trailers.Remove(name); // transforms that do not copy read these
                copied?.Remove(name);
            }
        }
    }

    private static bool Begins(string name, string prefix) => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);
}
