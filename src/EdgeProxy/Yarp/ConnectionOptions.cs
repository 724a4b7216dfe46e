using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Yarp;

/// <summary>Names in `Connection`: fields that belong to one connection and go no further (RFC 9110 7.6.1).</summary>
internal static class ConnectionOptions
{
    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>The options that can name a field. What is no token, such as `keep-alive; timeout=5`, names none.</summary>
    public static IEnumerable<string> In(StringValues connection)
    {
        foreach (var line in connection)
        {
            foreach (var option in (line ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (IsToken(option))
                {
                    yield return option;
                }
            }
        }
    }

    public static bool IsToken(ReadOnlySpan<char> option) => !option.IsEmpty && !option.ContainsAnyExcept(Token);
}
