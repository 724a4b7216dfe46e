using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Yarp;

/// <summary>Names in `Connection`: fields that belong to one connection and go no further (RFC 9110 7.6.1).</summary>
internal static class ConnectionOptions
{
    public static IEnumerable<string> In(StringValues connection)
    {
        foreach (var line in connection)
        {
            foreach (var option in (line ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                yield return option;
            }
        }
    }
}
