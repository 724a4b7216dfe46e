using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Configuration;

namespace EdgeProxy.Fallbacks;

/// <summary>
/// Which requests have answers that others may be given, and may be given those of others. A request shows who sends it by fields that
/// nobody can list, so that the harmless ones are listed: any other makes the request somebody's. In doubt: nobody's.
/// </summary>
internal static class StaleRequest
{
    private const string Authorization = "Authorization";
    private const string Range = "Range";

    /// <summary>What trusted proxies say that a request was sent to; `Host` is a part of each key in any case.</summary>
    public static readonly ImmutableArray<string> Origin =
        ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix"];

    /// <summary>Fields of negotiation, conditions, the connection and traces, and those that edges and proxies write for all.</summary>
    private static readonly FrozenSet<string> Harmless = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
    [
        "Accept", "User-Agent", "Host", "Cache-Control", "Pragma", "Origin", "Referer", "Connection", "TE", "Upgrade-Insecure-Requests",
        "Priority", "Save-Data", "DNT", "Via", "CDN-Loop", "Content-Length", "Content-Type",
        "traceparent", "tracestate", "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags",
        "uber-trace-id", "sentry-trace", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Request-Id", "X-Correlation-Id",
        EdgeFields.RequestId, "X-Forwarded-For", "X-Real-IP", .. Origin,
    ]);

    private static readonly string[] HarmlessPrefixes = ["Accept-", "If-", "Sec-"];

    /// <summary>A shared cache may look at it: no body, no part of an answer, and the client does not refuse kept answers.</summary>
    public static bool IsCacheable(HttpContext client) =>
        !client.MayHaveBody()
        && !client.Request.Headers.ContainsKey(Range)
        && !client.Edge().HasOwnConnection // what comes over a connection that the upstream knows its user by is that user's
        && !CacheControl.Of(client.Request.Headers.CacheControl).Forbids;

    /// <summary>Nothing in the request tells one client of the edge from another, but for what is a part of the key.</summary>
    /// <param name="vary">What the answer says that it depends on. `Authorization` is never enough (RFC 9111, 3.5).</param>
    public static bool IsAnybodys(HttpContext client, StaleSettings settings, ImmutableArray<string> vary)
    {
        var edge = client.Edge();
        foreach (var (name, _) in client.Request.Headers)
        {
            var isHarmless = IsHarmless(name) || settings.Ignore.Contains(name) || Contains(settings.Vary, name)
                || (Contains(vary, name) && !Is(name, Authorization))
                || (edge.KnownClient is not null && Is(name, edge.Revision.Clients.ApiKeyHeader)); // the client's id is a part of the key
            if (!isHarmless)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>`Sec-` is the browser's own, but for what binds a session to a device.</summary>
    private static bool IsHarmless(string name) =>
        Harmless.Contains(name)
        || (Array.Exists(HarmlessPrefixes, prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            && !name.Contains("Token", StringComparison.OrdinalIgnoreCase)
            && !name.Contains("Session", StringComparison.OrdinalIgnoreCase));

    private static bool Contains(ImmutableArray<string> names, string name)
    {
        foreach (var one in names)
        {
            if (Is(name, one))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Is(string name, string? other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
