using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Clients;

namespace EdgeProxy.RateLimiting;

/// <summary>The `RateLimits` section: its keys, and how an entry becomes a <see cref="RateLimitPolicy"/>.</summary>
internal static class RateLimitSection
{
    private const long TokensMax = 9_000_000_000;

    private const string HeaderPrefix = "Header:";

    private static readonly ObjectShape LimitShape = new(
        new Key("Name", new TextShape { Pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", Meaning = "a name of letters and digits" },
            "Name of the limit in `RateLimit` fields; unique over the policies of a route.")
        { Required = true },
        new Key("Capacity", new NumberShape(1, TokensMax), "Tokens that a full bucket holds: the burst.") { Required = true },
        new Key("Refill", new NumberShape(1, TokensMax), "Tokens gained in each `Every`, continuously.") { Required = true },
        new Key("Every", new DurationShape(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(366)),
            "Time in which `Refill` tokens come.")
        { Required = true });

    private static readonly ListShape Limits = new(LimitShape, 1, 4);

    private static readonly ObjectShape Plan = new(
        new Key("Limits", Limits, "Replace the policy's list whole for clients of this plan."),
        new Key("Unlimited", new SwitchShape(), "Clients of this plan are not limited.") { Default = "false" });

    private static readonly ObjectShape Own = new(
        new Key("Limits", Limits, "Replace the policy's list whole, and its plan's, for this client."),
        new Key("Unlimited", new SwitchShape(), "This client is not limited.") { Default = "false" });

    /// <summary>What stands in a client's own entry.</summary>
    public static Key OfClient { get; } = new(
        "RateLimits", new MapShape(Own, "policy"),
        "Limits of this client alone, by the id of a rate limit with `Per` `Client`; they come before its plan's.");

    private static readonly ObjectShape Policy = new(
        new Key("Per", new TextShape
        {
            Pattern = "^([Cc][Ll][Ii][Ee][Nn][Tt]|[Ii][Pp]|[Rr][Oo][Uu][Tt][Ee]|[Gg][Ll][Oo][Bb][Aa][Ll]"
                + "|[Hh][Ee][Aa][Dd][Ee][Rr]:[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128})$",
            Meaning = "Client, Ip, Route, Global or Header:NAME",
        },
            "Whose tokens a bucket holds. `Header:NAME`: the field's value; without the field, the client.")
        { Default = nameof(RateLimitKey.Client) },
        new Key("Limits", Limits, "Limits that must all admit.") { Required = true },
        new Key("Plans", new MapShape(Plan, "plan"), "What a plan uses instead of `Limits`; with `Per` `Client` only."),
        new Key("Mode", TextShape.OneOf<RateLimitMode>(), "`Shadow` decides and counts, and never refuses.")
        { Default = nameof(RateLimitMode.Enforce) },
        new Key("Headers", TextShape.OneOf<RateLimitHeaders>(),
            "Fields that tell the client: `RateLimit` ones (`Draft`), `X-RateLimit-*` (`Legacy`), both or none.")
        { Default = nameof(RateLimitHeaders.Draft) },
        new Key("Decide", TextShape.OneOf<DecisionMode>(),
            "`Strict`: one round trip to the store each. `Leased`: near zero, from tokens lent to this node.")
        { Default = nameof(DecisionMode.Leased) },
        new Key("OnStoreOutage", TextShape.OneOf<StoreOutagePolicy>(),
            "While the store cannot be asked: this node's share (`Local`), all (`Open`) or nothing (`Closed`).")
        { Default = nameof(StoreOutagePolicy.Local) });

    public static MapShape Shape { get; } = new(Policy, "policy");

    /// <param name="entry">The policy.</param>
    /// <param name="clients">What clients have of their own, with each the name of the policy.</param>
    public static RateLimitPolicy Bind(Entry entry, ILookup<string, ClientLimits> clients)
    {
        var policy = entry.Section;
        var per = policy.Text("Per")!;
        var header = per.StartsWith(HeaderPrefix, StringComparison.OrdinalIgnoreCase) ? per[HeaderPrefix.Length..] : null;
        return new RateLimitPolicy
        {
            Name = entry.Id,
            Per = header is not null ? RateLimitKey.Header : policy.Choice<RateLimitKey>("Per"),
            Header = header,
            Limits = BindLimits(policy),
            Plans = policy.Entries("Plans").ToFrozenDictionary(p => p.Id, p => BindPlan(p.Section), StringComparer.Ordinal),
            Clients = clients[entry.Id].ToFrozenDictionary(own => own.ClientId, own => own.Limits, StringComparer.Ordinal),
            Mode = policy.Choice<RateLimitMode>("Mode"),
            Headers = policy.Choice<RateLimitHeaders>("Headers"),
            Decide = policy.Choice<DecisionMode>("Decide"),
            OnStoreOutage = policy.Choice<StoreOutagePolicy>("OnStoreOutage"),
        };
    }

    /// <summary>What clients have of their own, by the name of the policy.</summary>
    public static ILookup<string, ClientLimits> BindClients(Section clients) => ClientSection.Entries(clients)
        .SelectMany(client => client.Section.Entries(OfClient.Name)
            .Select(own => (Policy: own.Id, Limits: new ClientLimits(client.Id, BindPlan(own.Section)))))
        .ToLookup(own => own.Policy, own => own.Limits, StringComparer.OrdinalIgnoreCase);

    private static PlanLimits BindPlan(Section owner) => new(owner.Switch("Unlimited"), BindLimits(owner));

    private static ImmutableArray<Limit> BindLimits(Section owner) =>
    [
        .. owner.Items("Limits").Select(limit => new Limit(
            limit.Text("Name") ?? "", limit.Number("Capacity"), limit.Number("Refill"), limit.Duration("Every"))),
    ];
}
