using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;

namespace EdgeProxy.Fallbacks;

/// <summary>Which answers may be kept for others. In doubt: none.</summary>
internal static class StaleRules
{
    private const int VaryMax = 8;

    /// <summary>Fields that the edge writes itself: what an answer owes to them cannot be seen in the client's request.</summary>
    private static readonly string[] Written = ["X-Forwarded-", "Forwarded", EdgeFields.RequestId, "traceparent", "tracestate", "Via"];

    /// <summary>Fields of an answer that belong to one connection, or to the time when it was given.</summary>
    private static readonly FrozenSet<string> Fleeting = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Age", "Content-Length", EdgeFields.ProxyStatus, EdgeFields.AttemptCount);

    /// <summary>Whether an answer to such a request may be kept, and by which of the request's fields it differs.</summary>
    /// <param name="vary">Names in lower case, in order.</param>
    public static bool MayKeep(HttpResponseMessage answer, out ImmutableArray<string> vary)
    {
        vary = [];
        var fields = answer.Headers.NonValidated;
        var type = answer.Content.Headers.NonValidated.TryGetValues("Content-Type", out var types) ? types.ToString() : "";
        return answer.StatusCode == HttpStatusCode.OK
            && HasEnd(answer)
            && !fields.Contains("Set-Cookie")
            && !type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)
            && !(fields.TryGetValues("Cache-Control", out var control) && CacheControl.Of(control.ToString()).Forbids)
            && !(fields.TryGetValues("Pragma", out var pragma) && CacheControl.Of(pragma.ToString()).Forbids)
            && TryVary(answer, out vary);
    }

    /// <summary>Its end can be told from a connection that breaks.</summary>
    private static bool HasEnd(HttpResponseMessage answer) =>
        answer.Version.Major > 1 || answer.Content.Headers.ContentLength is not null || answer.Headers.TransferEncodingChunked is true;

    public static bool IsKept(string field) => !Fleeting.Contains(field);

    private static bool TryVary(HttpResponseMessage answer, out ImmutableArray<string> vary)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        if (answer.Headers.NonValidated.TryGetValues("Vary", out var lines))
        {
            foreach (var name in lines.SelectMany(line => line.Split(',', StringSplitOptions.TrimEntries)))
            {
                names.Add(name.ToLowerInvariant());
            }
        }

        if (answer.Content.Headers.NonValidated.Contains("Content-Encoding"))
        {
            names.Add("accept-encoding"); // it depends on that, whether it says so or not
        }

        names.Remove("");
        vary = [.. names];
        return names.Count <= VaryMax && !names.Contains("*")
            && !names.Any(name => Array.Exists(Written, own => name.StartsWith(own, StringComparison.OrdinalIgnoreCase)));
    }
}
