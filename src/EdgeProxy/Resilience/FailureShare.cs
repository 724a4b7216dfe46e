using EdgeProxy.Clients;

namespace EdgeProxy.Resilience;

/// <summary>
/// Successes and failures over the last while, and when too many failed: the rule that breakers and passive checks share. What no client
/// can cause counts in full; for the rest, clients other than the two that failed most may contradict.
/// </summary>
internal sealed class FailureShare(TimeSpan window)
{
    private readonly OutcomeWindow _window = new(window);
    private readonly OutcomeWindow _unreachable = new(window);
    private ClientCounts? _clients;
    private long _identifiedAt = long.MinValue / 2;

    /// <summary>Who asks matters, for successes too: there were failures lately.</summary>
    public bool AsksForClients => Volatile.Read(ref _clients) is { IsCounting: true };

    /// <param name="client">Whose request it was; of a success null is enough while nobody asks, unless it is identified.</param>
    public void Add(Verdict verdict, Client? client, TimeSpan now)
    {
        _window.Add(now, verdict != Verdict.Success);
        if (verdict == Verdict.Success && client is { IsAnonymous: false })
        {
            Volatile.Write(ref _identifiedAt, now.Ticks);
        }

        if (verdict == Verdict.Unreachable)
        {
            _unreachable.Add(now, failed: true);
        }
        else if (client is not null && (verdict != Verdict.Success || AsksForClients))
        {
            Clients.Add(client, verdict != Verdict.Success, now);
        }
    }

    /// <summary>What was counted as a success has turned out a failure.</summary>
    public void Amend(Client client, TimeSpan now)
    {
        _window.Amend(now);
        Clients.Amend(client, now);
    }

    /// <summary>What was counted, when too much of it failed and nobody contradicts; else null.</summary>
    public (long Total, long Failures)? Exceeds(double ratio, int minimum, TimeSpan now)
    {
        var (total, failures) = _window.Read(now);
        return total >= minimum && failures >= ratio * total
            && (_unreachable.Read(now).Failures >= ratio * total || !Contradict(ratio, now))
                ? (total, failures)
                : null;
    }

    /// <summary>A row that is long enough, and that no others contradict.</summary>
    public bool IsMet(FailureRow? row, int threshold, double ratio, TimeSpan now) =>
        row is not null && row.IsMet(threshold, mustLast: now.Ticks - Volatile.Read(ref _identifiedAt) < window.Ticks)
        && (row.IsUnreachable(threshold) || Volatile.Read(ref _clients)?.Contradict(row, ratio) is not true);

    /// <inheritdoc cref="ClientCounts.Worst"/>
    public (Client? First, Client? Second) Worst(TimeSpan now) => Volatile.Read(ref _clients)?.Worst(now) ?? default;

    /// <inheritdoc cref="ClientCounts.AreManyAnonymous"/>
    public bool AreManyAnonymous(TimeSpan now) => Volatile.Read(ref _clients)?.AreManyAnonymous(now) is true;

    public void Clear()
    {
        _window.Clear();
        _unreachable.Clear();
        Volatile.Read(ref _clients)?.Clear();
    }

    /// <summary>Made at the first failure: most have none.</summary>
    private ClientCounts Clients =>
        Volatile.Read(ref _clients) ?? Interlocked.CompareExchange(ref _clients, new ClientCounts(window), null) ?? _clients;

    private bool Contradict(double ratio, TimeSpan now) => Volatile.Read(ref _clients)?.Contradict(ratio, now) is true;
}
