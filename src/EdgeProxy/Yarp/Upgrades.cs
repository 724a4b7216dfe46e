using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Yarp;

/// <summary>Protocols that a client of HTTP/1.1 may ask to change to.</summary>
internal static class Upgrades
{
    /// <summary>
    /// Any, but for HTTP itself: requests that follow in it would pass by routes, limits and all else that the edge looks at.
    /// </summary>
    public static bool Pass(StringValues upgrade)
    {
        foreach (var line in upgrade)
        {
            var protocols = line.AsSpan();
            foreach (var range in protocols.Split(','))
            {
                var protocol = protocols[range].Trim();
                var slash = protocol.IndexOf('/');
                if (IsHttp(slash < 0 ? protocol : protocol[..slash]))
                {
                    return false;
                }
            }
        }

        return upgrade.Count > 0;
    }

    /// <summary>The forwarder asks for these by itself; the others it takes for ordinary requests.</summary>
    public static bool AreForwarders(string upgrade) =>
        upgrade.Equals("websocket", StringComparison.OrdinalIgnoreCase) || upgrade.StartsWith("SPDY/", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether <paramref name="given"/> is one of the protocols in <paramref name="asked"/>.</summary>
    public static bool Holds(ReadOnlySpan<char> asked, ReadOnlySpan<char> given)
    {
        foreach (var range in asked.Split(','))
        {
            if (asked[range].Trim().Equals(given, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsHttp(ReadOnlySpan<char> name) =>
        name.Equals("h2c", StringComparison.OrdinalIgnoreCase)
        || name.Equals("h2", StringComparison.OrdinalIgnoreCase)
        || name.Equals("h3", StringComparison.OrdinalIgnoreCase)
        || name.Equals("HTTP", StringComparison.OrdinalIgnoreCase);
}
