using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Errors;

/// <summary>Fields of a failing answer that stay when its body is replaced: what they say is not about the body.</summary>
internal static class UpstreamFields
{
    private static readonly FrozenSet<string> Names = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Retry-After", "WWW-Authenticate", "Proxy-Authenticate", "Allow", "Location", "Set-Cookie",
        EdgeFields.Fallback, EdgeFields.AttemptCount, EdgeFields.ProxyStatus);

    /// <summary>What browsers let pages read, and what limits say.</summary>
    private static readonly string[] Prefixes = ["Access-Control-", "RateLimit", "X-RateLimit-"];

    public static List<KeyValuePair<string, StringValues>> Of(IHeaderDictionary fields, EdgeContext edge)
    {
        var kept = new List<KeyValuePair<string, StringValues>>();
        foreach (var field in fields)
        {
            if (Names.Contains(field.Key) || field.Key.Equals(edge.Route?.CostHeader, StringComparison.OrdinalIgnoreCase)
                || Array.Exists(Prefixes, prefix => field.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
            {
                kept.Add(field);
            }
        }

        return kept;
    }

    /// <summary>`Proxy-Status` of those before, and what this edge did: it took another's status and gave it a body.</summary>
    public static StringValues Status(StringValues before, EdgeFailure failure, string edgeName)
    {
        var ours = $"{edgeName}; received-status={failure.Status}; details=\"{failure.Error.Code}\"";
        return StringValues.Concat(StatusOfOthers(before, edgeName), ours);
    }

    /// <summary>Lines of `Proxy-Status` less those that this edge wrote: it has something else to say now.</summary>
    public static string[] StatusOfOthers(IEnumerable<string?> lines, string edgeName) =>
        [.. lines.OfType<string>().Where(line => !line.StartsWith(edgeName + ";", StringComparison.Ordinal))];
}
