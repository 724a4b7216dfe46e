using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Configuration;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// How people name a bucket: `client:ID`, `ip:ADDRESS`, `route:ID`, `header:VALUE` or `global`. Without one of these words in front a key
/// means what its policy is kept by; under a policy kept by client a configured client, else an address.
/// </summary>
internal static class BucketKey
{
    private const string ClientPrefix = "client:";
    private const string IpPrefix = "ip:";
    private const string RoutePrefix = "route:";
    private const string FieldPrefix = "header:";
    private const string Global = "global";

    /// <summary>The bucket, and what it is held to; null when <paramref name="key"/> names none under <paramref name="policy"/>.</summary>
    public static NamedBucket? Find(string key, RateLimitPolicy policy, Revision revision) => policy.Per switch
    {
        RateLimitKey.Client => OfCaller(key, policy, revision) ?? OfClient(key, policy, revision) ?? OfAddress(key, policy, revision),
        RateLimitKey.Ip => OfAddress(After(IpPrefix, key) ?? key, policy, revision),
        RateLimitKey.Route => OfRoute(After(RoutePrefix, key) ?? key, policy, revision),
        RateLimitKey.Global => key == Global ? new(new BucketName(policy, BucketName.Everybody, ""), policy.Set) : null,
        _ => OfCaller(key, policy, revision)
            ?? (IsOfCaller(key) ? null : new(new BucketName(policy, BucketName.OfField, After(FieldPrefix, key) ?? key), policy.Set)),
    };

    /// <summary>The key that names a bucket, with its word in front.</summary>
    public static string Of(in BucketName name) => name.Kind switch
    {
        BucketName.Known => ClientPrefix + name.Subject,
        BucketName.Anonymous => IpPrefix + name.Subject,
        BucketName.OfRoute => RoutePrefix + name.Subject,
        BucketName.OfField => FieldPrefix + name.Subject,
        _ => Global,
    };

    private static NamedBucket? OfCaller(string key, RateLimitPolicy policy, Revision revision) =>
        After(ClientPrefix, key) is { } id ? OfClient(id, policy, revision)
        : After(IpPrefix, key) is { } address ? OfAddress(address, policy, revision)
        : null;

    private static bool IsOfCaller(string key) => After(ClientPrefix, key) is not null || After(IpPrefix, key) is not null;

    private static NamedBucket? OfClient(string id, RateLimitPolicy policy, Revision revision) =>
        revision.Clients.Find(id) is { } client ? new(BucketName.Of(policy, client), policy.SetFor(client)) : null;

    /// <summary>An address, or an IPv6 prefix as the edge writes it; whichever address of a prefix is given.</summary>
    private static NamedBucket? OfAddress(string text, RateLimitPolicy policy, Revision revision)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var address = slash < 0 ? text : text[..slash];
        if (address.AsSpan().IndexOfAny('.', ':') < 0 || !IPAddress.TryParse(address, out var parsed))
        {
            return null;
        }

        var client = Client.At(parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed, revision.Clients.AnonymousIpv6Prefix);
        return new(BucketName.Of(policy, client), policy.SetFor(client));
    }

    private static NamedBucket? OfRoute(string id, RateLimitPolicy policy, Revision revision) =>
        revision.Routes.TryGetValue(id, out var route)
            ? new(new BucketName(policy, BucketName.OfRoute, route.RouteId), policy.Set)
            : null;

    private static string? After(string prefix, string key) =>
        key.StartsWith(prefix, StringComparison.Ordinal) ? key[prefix.Length..] : null;
}

/// <summary>A bucket that somebody asks about.</summary>
/// <param name="Limits">What it is held to; null when to nothing.</param>
internal sealed record NamedBucket(BucketName Name, LimitSet? Limits);
