using System.Runtime.InteropServices;

namespace EdgeProxy.RateLimiting;

/// <summary>
/// What the limits of a route said about one request: everything that the answer's fields, the error and the metrics need.
/// Made by the door, filled by a store, decided once. One object where the route has one policy, as nearly all have.
/// </summary>
/// <param name="policies">How many the route has; at least one.</param>
/// <param name="cost">What the request costs in each limit, in microtokens; positive.</param>
internal sealed class RateLimitVerdict(int policies, long cost = Rate.Token)
{
    private readonly BucketTake[]? _several = policies > 1 ? new BucketTake[policies] : null;
    private BucketTake _only;

    /// <summary>One for each policy of the route, in the order written.</summary>
    public Span<BucketTake> Takes => _several is null ? MemoryMarshal.CreateSpan(ref _only, 1) : _several;

    /// <summary>A policy of the route holds this client to something.</summary>
    public bool HasLimits
    {
        get
        {
            foreach (ref var take in Takes)
            {
                if (take.Limits is not null)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>What the request costs in each limit, in microtokens.</summary>
    public long Cost { get; } = cost;

    public TakeOutcome Outcome { get; private set; }

    public bool IsDecided => Outcome != TakeOutcome.NotAsked;

    public bool Admitted => Outcome == TakeOutcome.Admitted;

    /// <summary>When refused, microseconds until all limits could admit; null when never, or not known.</summary>
    public long? RetryAfterMicros { get; private set; }

    /// <summary>Names of the limits that refused. Made anew when asked for, which is once: deciding makes no object.</summary>
    public IReadOnlyList<string> Violated
    {
        get
        {
            var names = new List<string>(LimitSet.Most);
            foreach (ref var take in Takes)
            {
                for (var i = 0; Outcome == TakeOutcome.Refused && i < take.Limits?.Rates.Length; i++)
                {
                    if (Refuses(take, i))
                    {
                        names.Add(take.Limits.Limits[i].Name);
                    }
                }
            }

            return names;
        }
    }

    /// <summary>The first policy that refused since its store cannot be asked; null when none did.</summary>
    public string? ClosedPolicy
    {
        get
        {
            foreach (ref var take in Takes)
            {
                if (take is { IsShadow: false, Outcome: TakeOutcome.Unavailable })
                {
                    return take.Policy.Name;
                }
            }

            return null;
        }
    }

    /// <summary>A limit counted by the hour or longer is among those that refused.</summary>
    public bool IsQuota { get; private set; }

    /// <summary>
    /// Refuses, without asking any store, what no bucket can ever hold enough for. False: a store has to decide. Levels stay
    /// unknown, and policies in shadow are left to the store: they have no say.
    /// </summary>
    public bool RefuseWhatCanNeverBe()
    {
        var isHopeless = false;
        foreach (ref var take in Takes)
        {
            if (take is { IsShadow: false, Limits: { } limits } && limits.SmallestCapacity < Cost)
            {
                (take.Outcome, take.Source) = (TakeOutcome.Refused, DecisionSource.Local);
                for (var i = 0; i < limits.Rates.Length; i++)
                {
                    take.Levels[i] = limits.Rates[i].Capacity;
                }

                isHopeless = true;
            }
        }

        if (isHopeless)
        {
            Decide();
        }

        return isHopeless;
    }

    /// <summary>Sums up what the takes came to. Policies in shadow have no say.</summary>
    public void Decide()
    {
        Outcome = TakeOutcome.Admitted;
        foreach (ref var take in Takes)
        {
            if (!take.IsShadow && take.Outcome is TakeOutcome.Refused or TakeOutcome.Unavailable)
            {
                Outcome = Outcome == TakeOutcome.Unavailable ? Outcome : take.Outcome;
            }
        }

        if (Outcome == TakeOutcome.Refused)
        {
            Explain();
        }
    }

    private void Explain()
    {
        var wait = 0L;
        IsQuota = false;
        foreach (ref var take in Takes)
        {
            for (var i = 0; i < take.Limits?.Rates.Length; i++)
            {
                if (Refuses(take, i))
                {
                    wait = Math.Max(wait, take.Limits.Rates[i].TimeUntil(take.Levels[i], Cost));
                    IsQuota |= take.Limits.Limits[i].Every >= TimeSpan.FromHours(1);
                }
            }
        }

        RetryAfterMicros = wait == long.MaxValue ? null : wait;
    }

    private bool Refuses(in BucketTake take, int limit) =>
        take is { IsShadow: false, Outcome: TakeOutcome.Refused } && take.Levels[limit] < Cost;
}

/// <summary>One policy's part in a verdict.</summary>
internal struct BucketTake
{
    public required RateLimitPolicy Policy { get; init; }

    /// <summary>What the client is held to; null when to nothing.</summary>
    public required LimitSet? Limits { get; init; }

    public required BucketName Name { get; init; }

    public TakeOutcome Outcome { get; set; }

    public DecisionSource Source { get; set; }

    /// <summary><see cref="Levels"/> holds what is left after the decision.</summary>
    public bool HasLevels { get; set; }

    /// <summary>The part of the store that keeps the bucket cannot be asked: the policy does what its OnStoreOutage says.</summary>
    public bool IsCutOff { get; set; }

    /// <summary>It is cut off from a store that has answered this node before: what others left of the bucket is not known.</summary>
    public bool HadStore { get; set; }

    /// <summary>Taken from the bucket that new clients share while the memory store is full.</summary>
    public bool IsPooled { get; set; }

    /// <summary>Who waited for the store in vain; its answer may come yet.</summary>
    public LeaseWaiter? Waiter { get; set; }

    public Levels Levels;

    /// <summary>Of which generation of a lease it was taken; see <see cref="LeaseSlot.Word"/>.</summary>
    public long Generation { get; set; }

    public readonly bool IsShadow => Policy.Mode == RateLimitMode.Shadow;

    /// <summary>allow, deny or would_deny; null when this policy decided nothing, or what it gave was given back.</summary>
    public readonly string? Decision => Outcome switch
    {
        TakeOutcome.Admitted => "allow",
        TakeOutcome.Refused or TakeOutcome.Unavailable => IsShadow ? "would_deny" : "deny",
        _ => null,
    };

    /// <summary>Where the decision came from, as metrics and logs call it.</summary>
    public readonly string SourceWord => RateLimitMetrics.WordFor(Source);
}

internal enum TakeOutcome
{
    /// <summary>Not decided yet, or not asked since another policy had refused before.</summary>
    NotAsked,

    Admitted,
    Refused,

    /// <summary>Admitted, and given back since another policy refused.</summary>
    GivenBack,

    /// <summary>The store cannot be asked, and the policy is closed then.</summary>
    Unavailable,
}

/// <summary>Where a decision came from.</summary>
internal enum DecisionSource
{
    Store,
    Local,
    Unlimited,
    Lease,
    DenyCache,
}
