using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Configuration;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Errors;

/// <summary>
/// Response transforms of a route on failures that the edge answers itself, such as `Access-Control-Allow-Origin` for pages of browsers.
/// What the edge has to say of a failure, and the framing, are not theirs.
/// </summary>
internal static class RouteFields
{
    private static readonly FrozenSet<string> Edges = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        EdgeFields.RequestId, EdgeFields.ProxyStatus, EdgeFields.AttemptCount, EdgeFields.Decision, EdgeFields.Fallback,
        "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer",
        "Cache-Control", "Retry-After", "RateLimit", "RateLimit-Policy", "Allow", "WWW-Authenticate", "grpc-status", "grpc-message",
        "edge-error-code");

    public static void Apply(IHeaderDictionary fields, ImmutableArray<ResponseFieldChange> changes)
    {
        foreach (var change in changes)
        {
            if (!Edges.Contains(change.Name))
            {
                fields[change.Name] = change.Value is not { } value ? StringValues.Empty
                    : change.Append ? StringValues.Concat(fields[change.Name], value)
                    : value;
            }
        }
    }
}
