using EdgeProxy.Clients;

namespace EdgeProxy.Resilience;

/// <summary>Failures in a row, with no success between them: how many, for how long, and of which clients. It never changes.</summary>
internal sealed record FailureRow
{
    /// <summary>How long a row of one or two clients lasts before it counts: one client can fail often within a moment.</summary>
    public static readonly TimeSpan Lasting = TimeSpan.FromMilliseconds(500);

    public int Count { get; private init; }

    /// <summary>Those among them that no client can cause.</summary>
    public int Unreachable { get; private init; }

    /// <summary>The first client that failed, and how often.</summary>
    public (Client Client, int Count)? First { get; private init; }

    /// <summary>Another client that failed, and how often.</summary>
    public (Client Client, int Count)? Second { get; private init; }

    /// <summary>Requests of three clients or more failed.</summary>
    public bool IsWide { get; private init; }

    /// <summary>A client that is identified is among those that failed.</summary>
    public bool HasIdentified { get; private init; }

    private TimeSpan Since { get; init; }

    private TimeSpan Last { get; init; }

    /// <summary>The row with one failure more.</summary>
    /// <param name="client">Whose request failed; null: no client can cause such a failure.</param>
    public static FailureRow Add(FailureRow? row, Client? client, TimeSpan now)
    {
        var longer = (row ?? new FailureRow { Since = now }) with { Last = now, Count = (row?.Count ?? 0) + 1 };
        if (client is null)
        {
            return longer with { Unreachable = longer.Unreachable + 1 };
        }

        longer = longer with { HasIdentified = longer.HasIdentified || !client.IsAnonymous };
        return longer switch
        {
            { First: null } => longer with { First = (client, 1) },
            { First: { } first } when first.Client == client => longer with { First = (client, first.Count + 1) },
            { Second: null } => longer with { Second = (client, 1) },
            { Second: { } second } when second.Client == client => longer with { Second = (client, second.Count + 1) },
            _ => longer with { IsWide = true },
        };
    }

    /// <summary>The row with more failures.</summary>
    public static FailureRow? Longer(FailureRow? one, FailureRow? other) => (other?.Count ?? 0) > (one?.Count ?? 0) ? other : one;

    /// <summary>It is long enough, and it is not one or two clients' requests of a moment. One failure is no row.</summary>
    /// <param name="mustLast">Any number of addresses are not enough: clients that are identified ask as well.</param>
    public bool IsMet(int threshold, bool mustLast = false) => IsUnreachable(threshold)
        || (Count >= threshold && (threshold == 1 || (IsWide && (HasIdentified || !mustLast)) || Last - Since >= Lasting));

    /// <summary>It is long enough by failures that no client can cause.</summary>
    public bool IsUnreachable(int threshold) => Unreachable >= threshold;
}
