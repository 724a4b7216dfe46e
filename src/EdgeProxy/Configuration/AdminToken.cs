using System.Security.Cryptography;
using System.Text;

namespace EdgeProxy.Configuration;

/// <summary>The token of the admin listener, kept as its hash.</summary>
internal sealed class AdminToken
{
    private readonly byte[] _hash;

    private AdminToken(string token) => _hash = Hash(token);

    /// <summary>Null when none is configured.</summary>
    public static AdminToken? Of(AdminOptions options) => options.Token.Length > 0 ? new AdminToken(options.Token) : null;

    /// <summary>Hashes have one length, so that the comparison tells nothing of the token, its length included.</summary>
    public bool Is(string presented) => CryptographicOperations.FixedTimeEquals(Hash(presented), _hash);

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
