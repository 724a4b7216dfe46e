using System.Collections.Frozen;

namespace EdgeProxy.Yarp;

/// <summary>Names of fields in a transform's value.</summary>
internal static class FieldNames
{
    /// <summary>
    /// Fields of one connection: nobody can allow them. The framing among them is copied without being named. `TE` is not among them:
    /// on HTTP/2 it goes on, and from HTTP/1.1 it never comes this far.
    /// </summary>
    private static readonly FrozenSet<string> OfConnection = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Connection", "Upgrade", "Transfer-Encoding", "Content-Length", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
        "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Features", "Proxy-Instruction", "HTTP2-Settings", "Close",
        "Security-Scheme");

    /// <summary>Those that may be passed on.</summary>
    /// <param name="names">Separated by semicolons.</param>
    public static FrozenSet<string> Parse(string names) => names
        .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Where(name => !OfConnection.Contains(name))
        .ToFrozenSet(StringComparer.OrdinalIgnoreCase);
}
