using System.Net;

namespace EdgeProxy.Clients;

/// <summary>Who is calling.</summary>
/// <param name="Id">Id of the API key's entry, or the address (IPv6: its prefix) of an anonymous client.</param>
/// <param name="Plan">The client's tier; `anonymous` without a key.</param>
/// <param name="IsAnonymous">No recognised credential came with the request.</param>
internal sealed record Client(string Id, string Plan, bool IsAnonymous)
{
    public const string AnonymousPlan = "anonymous";

    /// <summary>Nobody has looked who is calling.</summary>
    public static readonly Client Unknown = new("unknown", AnonymousPlan, IsAnonymous: true);

    /// <summary>The client without a key at <paramref name="address"/>.</summary>
    public static Client At(IPAddress address, int ipv6Prefix) =>
        new(ClientAddress.NameOf(address, ipv6Prefix), AnonymousPlan, IsAnonymous: true);
}
