using System.Collections.Frozen;
using System.Collections.Immutable;
using EdgeProxy.Clients;

namespace EdgeProxy.RateLimiting;

/// <summary>A named rate limit: one bucket for each key that <see cref="Per"/> names, shared by all routes that use it.</summary>
internal sealed record RateLimitPolicy
{
    public required string Name
    {
        get;
        init
        {
            field = value;
            Fold = value.ToUpperInvariant();
        }
    }

    /// <summary><see cref="Name"/> as keys of buckets have it: files of nodes may spell it in different case.</summary>
    public string Fold { get; private init; } = "";

    public RateLimitKey Per { get; init; } = RateLimitKey.Client;

    /// <summary>Field that holds the key when <see cref="Per"/> is <see cref="RateLimitKey.Header"/>.</summary>
    public string? Header { get; init; }

    /// <summary>Limits that must all admit. 1 to 4, names unique.</summary>
    public required ImmutableArray<Limit> Limits
    {
        get;
        init
        {
            field = value;
            Set = new LimitSet(value);
        }
    }

    /// <summary><see cref="Limits"/> as they are counted.</summary>
    public LimitSet Set { get; private init; } = null!;

    /// <summary>What a plan uses instead of <see cref="Limits"/>. With <see cref="RateLimitKey.Client"/> only.</summary>
    public FrozenDictionary<string, PlanLimits> Plans { get; init; } = FrozenDictionary<string, PlanLimits>.Empty;

    /// <summary>What clients have of their own, by id; before plans. With <see cref="RateLimitKey.Client"/> only.</summary>
    public FrozenDictionary<string, PlanLimits> Clients { get; init; } = FrozenDictionary<string, PlanLimits>.Empty;

    public RateLimitMode Mode { get; init; }

    public RateLimitHeaders Headers { get; init; } = RateLimitHeaders.Draft;

    public DecisionMode Decide { get; init; }

    public StoreOutagePolicy OnStoreOutage { get; init; }

    /// <summary>What <paramref name="client"/> is held to; null when to nothing. An address is never mistaken for a client's id.</summary>
    public LimitSet? SetFor(Client client)
    {
        PlanLimits? own = null;
        if (Per != RateLimitKey.Client
            || (!(client is { IsAnonymous: false } && Clients.TryGetValue(client.Id, out own))
                && !Plans.TryGetValue(client.Plan, out own)))
        {
            return Set;
        }

        return own.Unlimited ? null : own.Set;
    }
}

/// <summary>What one client has of its own under a policy.</summary>
internal sealed record ClientLimits(string ClientId, PlanLimits Limits);

/// <summary>
/// A bucket that holds <see cref="Capacity"/> tokens and gains <see cref="Refill"/> every <see cref="Every"/>, continuously.
/// </summary>
internal sealed record Limit(string Name, long Capacity, long Refill, TimeSpan Every);

/// <summary>The limits of one plan or client, or none at all.</summary>
internal sealed record PlanLimits(bool Unlimited, ImmutableArray<Limit> Limits)
{
    public LimitSet Set { get; } = new(Limits);
}

/// <summary>Whose tokens a bucket holds.</summary>
internal enum RateLimitKey
{
    Client,
    Ip,
    Route,
    Global,

    /// <summary>The value of a request field; without the field, the client.</summary>
    Header,
}

internal enum RateLimitMode
{
    Enforce,

    /// <summary>Decide and count, never refuse.</summary>
    Shadow,
}

/// <summary>Which response fields tell a client about its limits.</summary>
[Flags]
internal enum RateLimitHeaders
{
    None = 0,

    /// <summary>`RateLimit-Policy` and `RateLimit`.</summary>
    Draft = 1,

    /// <summary>`X-RateLimit-Limit`, `-Remaining` and `-Reset`.</summary>
    Legacy = 2,

    Both = Draft | Legacy,
}

internal enum DecisionMode
{
    /// <summary>From tokens leased to this node: near zero round trips.</summary>
    Leased,

    /// <summary>One round trip to the store each.</summary>
    Strict,
}

/// <summary>What a policy does while the store cannot be asked.</summary>
internal enum StoreOutagePolicy
{
    /// <summary>Admit this node's share of the limit.</summary>
    Local,

    /// <summary>Admit everything.</summary>
    Open,

    /// <summary>Refuse everything with 503.</summary>
    Closed,
}
