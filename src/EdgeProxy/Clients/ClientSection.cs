using System.Collections.Frozen;
using System.Collections.Immutable;

namespace EdgeProxy.Clients;

/// <summary>The `Clients` section: its keys, how they become a <see cref="ClientDirectory"/>, and what else must hold.</summary>
internal static class ClientSection
{
    /// <summary>Keys of one client at a time.</summary>
    private const int KeysMax = 10;

    private static readonly ImmutableArray<Key> ApiKeyEntry =
    [
        new Key("Sha256",
            new OneOrMoreShape(
                new TextShape { Pattern = "^[0-9a-fA-F]{64}$", Meaning = "the SHA-256 of a key, 64 hex digits", IsSensitive = true },
                KeysMax),
            "SHA-256 of the key in hex, as `edgeproxy hash-key` prints it; several while one key takes the place of another.")
        { Required = true },
        new Key("Plan", new TextShape { Pattern = "^[^\\u0000-\\u001f]{1,128}$", Meaning = "the name of a plan" },
            "The client's tier; a policy that does not name it gives its own limits.")
        { Default = "default" },
    ];

    /// <summary>The section, with what features want to know of each client.</summary>
    public static ObjectShape ShapeWith(params ReadOnlySpan<Key> more) => new(
        new Key("ApiKey", ApiKey(new ObjectShape([.. ApiKeyEntry, .. more])), "Clients that are known by a key."),
        new Key("AnonymousIpv6Prefix", new NumberShape(32, 128),
            "Bits of an IPv6 address that make one anonymous client; its plan is `anonymous`.")
        { Default = "64" });

    /// <summary>The clients that are known by a key, each with its keys.</summary>
    public static IEnumerable<Entry> Entries(Section clients) => clients.Object("ApiKey").Entries("Keys");

    public static ClientDirectory Bind(Section clients)
    {
        var apiKey = clients.Object("ApiKey");
        var keys = new Dictionary<string, Client>();
        foreach (var entry in Entries(clients))
        {
            var client = new Client(entry.Id, entry.Section.Text("Plan")!, IsAnonymous: false);
            foreach (var hash in entry.Section.OneOrMore("Sha256"))
            {
                keys.TryAdd(hash.Text.ToLowerInvariant(), client);
            }
        }

        return new ClientDirectory
        {
            ApiKeyHeader = apiKey.Exists ? apiKey.Text("Header") : null,
            Keys = keys.ToFrozenDictionary(),
            ForwardKey = apiKey.Switch("Forward"),
            AnonymousIpv6Prefix = (int)clients.Number("AnonymousIpv6Prefix"),
        };
    }

    /// <summary>One key belongs to one client.</summary>
    public static void Check(Section clients, FaultList faults)
    {
        var owners = new Dictionary<string, Member>(StringComparer.OrdinalIgnoreCase);
        foreach (var (member, section) in Entries(clients))
        {
            foreach (var hash in section.OneOrMore("Sha256").ToList())
            {
                if (!owners.TryAdd(hash.Text, member) && owners[hash.Text] is var owner && owner != member)
                {
                    faults.Error(FaultCodes.DuplicateValue, hash, $"client \"{owner.Name}\" at {owner.Place} has the same key");
                }
            }
        }
    }

    private static ObjectShape ApiKey(ObjectShape client) => new(
        new Key("Header", new TextShape { Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", Meaning = "a field name" },
            "Request field that carries the key.")
        { Default = "X-Api-Key" },
        new Key("Forward", new SwitchShape(),
            "Leave a recognised key on the request toward the destination.")
        { Default = "false" },
        new Key("Keys", new MapShape(client, "client"), "Clients by id, each with its key."));
}
