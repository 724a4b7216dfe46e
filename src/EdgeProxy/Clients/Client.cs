namespace EdgeProxy.Clients;

/// <summary>Who is calling.</summary>
/// <param name="Id">Id of the API key's entry, or the address (IPv6: its prefix) of an anonymous client.</param>
/// <param name="Plan">The client's tier; `anonymous` without a key.</param>
/// <param name="IsAnonymous">No recognised credential came with the request.</param>
internal sealed record Client(string Id, string Plan, bool IsAnonymous)
{
    public const string AnonymousPlan = "anonymous";

    /// <summary>Stands for the client before anybody has looked.</summary>
    public static Client Unknown { get; } = new("", AnonymousPlan, IsAnonymous: true);
}
