using System.Buffers;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Clients;

/// <summary>The `Clients` section, ready to be asked who a request's credential belongs to.</summary>
internal sealed record ClientDirectory
{
    /// <summary>Longer keys are nobody's: no key that anybody would hand out comes near, and hashing is paid by the edge.</summary>
    private const int LongestKey = 1024;

    public static ClientDirectory Empty { get; } = new();

    /// <summary>Request field that carries the API key; null when there are none.</summary>
    public string? ApiKeyHeader { get; init; }

    /// <summary>Clients by the lower-case hex SHA-256 of their key.</summary>
    public FrozenDictionary<string, Client> Keys { get; init; } = FrozenDictionary<string, Client>.Empty;

    /// <summary>Leave a recognised key on the request toward the destination. Default false.</summary>
    public bool ForwardKey { get; init; }

    /// <summary>Bits of an IPv6 address that make one anonymous client. 32 to 128; default 64.</summary>
    public int AnonymousIpv6Prefix { get; init; } = 64;

    /// <summary>The client of this id; null when there is none. Looks at all of them: not for each request.</summary>
    public Client? Find(string id)
    {
        foreach (var client in Keys.Values)
        {
            if (client.Id.Equals(id, StringComparison.OrdinalIgnoreCase))
            {
                return client;
            }
        }

        return null;
    }

    /// <summary>
    /// The client that <paramref name="key"/> belongs to; null when nobody's. The key itself is never compared: it is hashed
    /// whole, and how long the search for the hash takes depends on the hash alone. Nobody can choose a key so that its
    /// SHA-256 begins like another's, so timing leads no closer to a valid key.
    /// </summary>
    public Client? FindByKey(string key)
    {
        var length = Encoding.UTF8.GetMaxByteCount(key.Length);
        if (key.Length is 0 or > LongestKey)
        {
            return null;
        }

        byte[]? rented = null;
        var utf8 = length <= 512 ? stackalloc byte[512] : rented = ArrayPool<byte>.Shared.Rent(length);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(key, utf8)], digest);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        }

        Span<char> hex = stackalloc char[SHA256.HashSizeInBytes * 2];
        Convert.TryToHexStringLower(digest, hex, out _);
        return Keys.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(hex, out var client) ? client : null;
    }
}
