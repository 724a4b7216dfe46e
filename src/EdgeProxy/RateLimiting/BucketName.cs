using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>Whose bucket under which policy. Stores know it by a hash only, so that no client's name leaves the edge.</summary>
/// <param name="Policy">The policy; in shadow it has buckets of its own, so that trying it out charges nobody.</param>
/// <param name="Kind">What <paramref name="Subject"/> is, so that a key's client and an address never share a bucket.</param>
internal readonly record struct BucketName(RateLimitPolicy Policy, char Kind, string Subject)
{
    public const char Anonymous = 'a';
    public const char Known = 'k';
    public const char OfRoute = 'r';
    public const char Everybody = 'g';
    public const char OfField = 'h';
    private const char Shared = '*';

    /// <summary>The bucket that a request is counted in.</summary>
    public static BucketName Of(RateLimitPolicy policy, HttpContext context, EdgeContext edge, RouteSettings route) => policy.Per switch
    {
        RateLimitKey.Ip => new(policy, Anonymous, edge.Client.IsAnonymous
            ? edge.Client.Id
            : ClientAddress.NameOf(edge.ClientAddress, edge.Revision.Clients.AnonymousIpv6Prefix)),
        RateLimitKey.Route => new(policy, OfRoute, route.RouteId),
        RateLimitKey.Global => new(policy, Everybody, ""),
        RateLimitKey.Header when context.Request.Headers[policy.Header!] is { Count: > 0 } values =>
            new(policy, OfField, values.ToString()),
        _ => Of(policy, edge.Client),
    };

    public static BucketName Of(RateLimitPolicy policy, Client client) =>
        new(policy, client.IsAnonymous ? Anonymous : Known, client.Id);

    /// <summary>The bucket that new clients of <paramref name="policy"/> share while the memory store is full.</summary>
    public static BucketName Overflow(RateLimitPolicy policy) => new(policy, Shared, "");

    /// <summary>For the memory store: short, and not to be aimed at from outside.</summary>
    public (ulong High, ulong Low) Hash(in SipHash hash)
    {
        using var text = new Text(this, stackalloc char[256]);
        return hash.Hash(text.Bytes);
    }

    /// <summary>For the shared store: the same on every node. 16 bytes of SHA-256.</summary>
    public string Digest()
    {
        using var text = new Text(this, stackalloc char[256]);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text.Bytes, digest);
        return System.Buffers.Text.Base64Url.EncodeToString(digest[..16]);
    }

    /// <summary>The name as one string of characters, on the stack where it is short.</summary>
    private ref struct Text
    {
        private readonly Span<char> _chars;
        private readonly char[]? _rented;

        public Text(in BucketName name, Span<char> room)
        {
            var policy = name.Policy.Fold;
            var length = policy.Length + name.Subject.Length + 3;
            _chars = (length <= room.Length ? room : _rented = ArrayPool<char>.Shared.Rent(length))[..length];
            _chars[0] = name.Policy.Mode == RateLimitMode.Shadow ? 's' : 'e';
            _chars[1] = name.Kind;
            policy.CopyTo(_chars[2..]);
            _chars[policy.Length + 2] = '\0';
            var subject = _chars[(policy.Length + 3)..];
            if (name.Kind is Known or OfRoute)
            {
                name.Subject.AsSpan().ToUpperInvariant(subject); // ids of the configuration, which compares them without case
            }
            else
            {
                name.Subject.CopyTo(subject);
            }
        }

        public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(_chars);

        public readonly void Dispose()
        {
            if (_rented is not null)
            {
                ArrayPool<char>.Shared.Return(_rented);
            }
        }
    }
}
