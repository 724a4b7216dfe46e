using System.Diagnostics.Metrics;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;

namespace EdgeProxy.RateLimiting;

/// <summary>Counts decisions. Labels are policies of the configuration and closed sets; never a client.</summary>
internal sealed class RateLimitMetrics
{
    private static readonly string[] Sources = ["store", "local", "unlimited", "lease", "deny_cache"];

    private static readonly string[] Settlements = ["settled", "unchanged", "absent", "invalid", "lost", "abandoned"];

    private readonly Counter<long> _decisions;
    private readonly Counter<long> _settlements;

    /// <param name="leases">Null: buckets are in memory.</param>
    public RateLimitMetrics(IMeterFactory meters, Revisions revisions, LeaseNode? leases = null)
    {
        _decisions = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_ratelimit_decisions_total", description: "Decisions by policy, what was decided, and where.");
        _settlements = meters.CreateEdgeMeter().CreateCounter<long>(
            "edgeproxy_ratelimit_settlements_total", description: "Answers on routes with a CostHeader, by what came of their cost.");
        meters.CreateEdgeMeter().CreateObservableCounter(
            "edgeproxy_ratelimit_lease_tokens_total",
            () =>
            {
                var (granted, returned) = leases?.Lent ?? default;
                return new Measurement<double>[] { TokensOf(granted, "granted"), TokensOf(returned, "returned") };
            },
            description: "Tokens that the store lent to this node, and that it gave back unspent.");
        foreach (var outcome in Enum.GetValues<Settlement>())
        {
            Settled(outcome, 0);
        }

        foreach (var policy in revisions.Current.Policies.Values)
        {
            Add(0, policy.Name, "allow", DecisionSource.Store);
            Add(0, policy.Name, policy.Mode == RateLimitMode.Shadow ? "would_deny" : "deny", DecisionSource.Store);
        }
    }

    /// <summary>Counts each policy's part, once a request. What was given back was not decided by that policy.</summary>
    public void Count(RateLimitVerdict verdict)
    {
        foreach (ref var take in verdict.Takes)
        {
            if (take.Decision is { } decision)
            {
                Add(1, take.Policy.Name, decision, take.Source);
            }
        }
    }

    private static Measurement<double> TokensOf(long micros, string what) =>
        new((double)micros / Rate.Token, new KeyValuePair<string, object?>("event", what));

    public void Settled(Settlement outcome, long count = 1) =>
        _settlements.Add(count, new KeyValuePair<string, object?>("outcome", Settlements[(int)outcome]));

    public static string WordFor(DecisionSource source) => Sources[(int)source];

    private void Add(long count, string policy, string decision, DecisionSource source) => _decisions.Add(
        count,
        new KeyValuePair<string, object?>("policy", policy),
        new KeyValuePair<string, object?>("decision", decision),
        new KeyValuePair<string, object?>("source", WordFor(source)));
}
