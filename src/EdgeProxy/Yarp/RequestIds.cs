using System.Buffers;

namespace EdgeProxy.Yarp;

/// <summary>Ids of requests: new ones, and which of those that peers send are taken over.</summary>
internal static class RequestIds
{
    private const int ShortestLength = 8;
    private const int LongestLength = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>
    /// 32 hexadecimal digits that no other request has had, on any node. They name a request and open nothing: chance that is fit for
    /// secrets would cost each request a call of the system and a tenth of its time.
    /// </summary>
    public static string New() => string.Create(32, 0, static (id, _) =>
    {
        Span<byte> random = stackalloc byte[16];
        Random.Shared.NextBytes(random);
        Convert.TryToHexStringLower(random, id, out _);
    });

    /// <summary>8 to 128 letters, digits, dots, underscores and hyphens: fit for logs, headers and URNs as it stands.</summary>
    public static bool IsValid(string? id) =>
        id is { Length: >= ShortestLength and <= LongestLength } && id.AsSpan().IndexOfAnyExcept(Allowed) < 0;
}
