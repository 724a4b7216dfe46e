using System.Collections.Immutable;
using EdgeProxy.RateLimiting;

namespace EdgeProxy.Configuration;

/// <summary>
/// What the edge does for a route beyond YARP's own keys. It travels as metadata of the route's endpoint, so a request
/// that has matched a route sees one consistent set of settings until it ends, whatever reloads meanwhile.
/// </summary>
internal sealed record RouteSettings
{
    public required string RouteId { get; init; }

    public required string ClusterId { get; init; }

    /// <summary>Policies that must all admit a request, in the order written. Empty: unlimited.</summary>
    public ImmutableArray<RateLimitPolicy> RateLimits { get; init; } = [];

    /// <summary>What a request costs in each limit, in microtokens. One token to 9 000 000 000; default one.</summary>
    public long Cost { get; init; } = Rate.Token;

    /// <summary>Response field in which the upstream says what the request really cost; null: it costs <see cref="Cost"/>.</summary>
    public string? CostHeader { get; init; }

    /// <summary>The most that a request may be charged in all for what its upstream says, in microtokens. Default: no bound.</summary>
    public long MaxCost { get; init; } = long.MaxValue;

    /// <summary>Refuse anonymous clients with 401. Default false.</summary>
    public bool RequireClient { get; init; }

    /// <summary>The route's time for a whole request; null: none.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>A client that has waited so long for the head of a response leaves because of the upstream.</summary>
    public TimeSpan AbandonedAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long destinations are waited for.</summary>
    public TimeoutSettings Timeouts { get; init; } = new();

    /// <summary>When a request is sent again; null: never.</summary>
    public RetrySettings? Retry { get; init; }

    /// <summary>Failing answers of upstreams that are not problem+json get the one error format. Default false.</summary>
    public bool NormalizesUpstreamErrors { get; init; }

    /// <summary>The route's response transforms that hold for failures of the edge's own.</summary>
    public ImmutableArray<ResponseFieldChange> FailureFields { get; init; } = [];

    /// <summary>A `Location` of the destination gets back the prefix that `PathRemovePrefix` has taken. Default false.</summary>
    public bool RewritesLocation { get; init; }

    /// <summary>How many of its requests may be under way at once; null: any number.</summary>
    public ConcurrencySettings? Concurrency { get; init; }

    /// <summary>What a client gets in place of a failure; null: the failure.</summary>
    public FallbackSettings? Fallback { get; init; }

    /// <summary>When a second attempt is made beside a slow one; null: never.</summary>
    public HedgeSettings? Hedge { get; init; }

    /// <summary>Bodies up to this size are read before the first attempt, so that they can be sent again. 0: none.</summary>
    public int KeptBodyBytes { get; init; }

    /// <summary>When it is refused while the edge is overloaded.</summary>
    public Criticality Criticality { get; init; } = Criticality.Critical;

    /// <summary>Team to ask about this route; shown by the admin API.</summary>
    public string? Owner { get; init; }
}
