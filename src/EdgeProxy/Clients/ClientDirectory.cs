using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Clients;

/// <summary>The `Clients` section, ready to be asked who a request's credential belongs to.</summary>
internal sealed record ClientDirectory
{
    public static ClientDirectory Empty { get; } = new();

    /// <summary>Request field that carries the API key; null when there are none.</summary>
    public string? ApiKeyHeader { get; init; }

    /// <summary>Clients by the lower-case hex SHA-256 of their key.</summary>
    public FrozenDictionary<string, Client> Keys { get; init; } = FrozenDictionary<string, Client>.Empty;

    /// <summary>Leave a recognised key on the request toward the destination. Default false.</summary>
    public bool ForwardKey { get; init; }

    /// <summary>Bits of an IPv6 address that make one anonymous client. 32 to 128; default 64.</summary>
    public int AnonymousIpv6Prefix { get; init; } = 64;

    /// <summary>The client that <paramref name="key"/> belongs to; null when nobody's.</summary>
    public Client? FindByKey(string key)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        return Keys.GetValueOrDefault(hash);
    }
}
