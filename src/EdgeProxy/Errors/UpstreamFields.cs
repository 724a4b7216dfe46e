using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Errors;

/// <summary>Fields of a failing answer when its body is replaced: all stay but those that are about the body.</summary>
internal static class UpstreamFields
{
    /// <summary>What a body is, how it is coded and framed, and how long it may be kept.</summary>
    private static readonly FrozenSet<string> OfBody = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Location", "Content-Disposition", "Content-MD5",
        "Content-Digest", "Repr-Digest", "Digest", "Transfer-Encoding", "Trailer", "Cache-Control", "Expires", "Age", "Pragma");

    public static List<KeyValuePair<string, StringValues>> Of(IHeaderDictionary fields)
    {
        var kept = new List<KeyValuePair<string, StringValues>>();
        foreach (var field in fields)
        {
            if (!OfBody.Contains(field.Key))
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
