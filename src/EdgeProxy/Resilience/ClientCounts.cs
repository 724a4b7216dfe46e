using EdgeProxy.Clients;

namespace EdgeProxy.Resilience;

/// <summary>
/// Whose requests failed and whose succeeded, since the failures began: it tells whether the clients other than those that failed most
/// contradict. The clients with the most failures are kept apart (Space-Saving), all others are counted together. Time comes with
/// each call.
/// </summary>
/// <param name="window">How far back requests count. Without a failure for as long, counting ends.</param>
internal sealed class ClientCounts(TimeSpan window)
{
    /// <summary>Clients that are counted one by one.</summary>
    public const int Most = 16;

    /// <summary>Requests of others below which they contradict nothing.</summary>
    public const int Enough = 3;

    private readonly Lock _counting = new();
    private readonly List<Entry> _failing = new(Most);
    private readonly OutcomeWindow _identified = new(window);
    private readonly OutcomeWindow _anonymous = new(window);
    private Sum _all;
    private Sum _allIdentified;
    private Sum _identifiedBefore;
    private TimeSpan _lastFailure;
    private volatile bool _isCounting;

    /// <summary>There was a failure lately, so that successes are counted too.</summary>
    public bool IsCounting => _isCounting;

    public void Add(Client client, bool failed, TimeSpan now)
    {
        lock (_counting)
        {
            if (failed)
            {
                (_lastFailure, _isCounting) = (now, true);
                Fail(EntryFor(client, now), now);
                Note(client, new Sum(0, 1));
            }
            else if (now - _lastFailure > window)
            {
                Forget();
            }
            else if (_isCounting)
            {
                var entry = Find(client);
                (entry?.Window ?? Rest(client)).Add(now, failed: false);
                entry?.EndRow();
                Note(client, new Sum(1, 0));
                _identifiedBefore = client.IsAnonymous ? _allIdentified : _identifiedBefore;
            }
        }
    }

    /// <summary>What was counted as a success of this client has turned out a failure.</summary>
    public void Amend(Client client, TimeSpan now)
    {
        lock (_counting)
        {
            if (_isCounting)
            {
                (Find(client)?.Window ?? Rest(client)).Withdraw(now);
                Note(client, new Sum(-1, 0));
            }

            (_lastFailure, _isCounting) = (now, true);
            Fail(EntryFor(client, now), now);
            Note(client, new Sum(0, 1));
        }
    }

    /// <summary>Within the window, clients other than the two that failed most did well; or those that are identified did.</summary>
    public bool Contradict(double failureRatio, TimeSpan now)
    {
        lock (_counting)
        {
            var (first, second) = WorstOf(now);
            var identified = Sum.Of(_identified, now);
            var others = identified + Sum.Of(_anonymous, now);
            foreach (var entry in _failing)
            {
                if (entry != first && entry != second)
                {
                    var sum = Sum.Of(entry.Window, now);
                    others += sum;
                    identified += entry.Client.IsAnonymous ? default : sum;
                }
            }

            return others.Contradicts(failureRatio) || identified.Contradicts(failureRatio);
        }
    }

    /// <summary>
    /// While the clients of this row did nothing but fail, others did well. Not said of a row of three clients or more, unless all are
    /// anonymous and those that are identified did well.
    /// </summary>
    public bool Contradict(FailureRow row, double failureRatio)
    {
        lock (_counting)
        {
            return (!row.IsWide && FirstOf(row) is { } entry && (_all - entry.Before - FailuresOf(row, entry)).Contradicts(failureRatio))
                || (row is { HasIdentified: false, First: not null } && (_allIdentified - _identifiedBefore).Contradicts(failureRatio));
        }
    }

    /// <summary>The two clients that failed most within the window, as far as there are any.</summary>
    public (Client? First, Client? Second) Worst(TimeSpan now)
    {
        lock (_counting)
        {
            var (first, second) = WorstOf(now);
            return (first?.Client, second?.Client);
        }
    }

    /// <summary>Three clients or more failed, and none of them is identified: they may be one client with many addresses.</summary>
    public bool AreManyAnonymous(TimeSpan now)
    {
        lock (_counting)
        {
            var failed = _failing.FindAll(entry => entry.Window.Read(now).Failures > 0);
            return failed.Count > 2 && failed.TrueForAll(entry => entry.Client.IsAnonymous);
        }
    }

    public void Clear()
    {
        lock (_counting)
        {
            Forget();
        }
    }

    private void Fail(Entry entry, TimeSpan now)
    {
        entry.Window.Add(now, failed: true);
        entry.Weight++;
        if (entry.InRow++ == 0)
        {
            entry.Before = _all;
        }
    }

    private void Note(Client client, Sum one)
    {
        _all += one;
        _allIdentified += client.IsAnonymous ? default : one;
    }

    private OutcomeWindow Rest(Client client) => client.IsAnonymous ? _anonymous : _identified;

    private Entry? Find(Client client)
    {
        foreach (var entry in _failing)
        {
            if (entry.Client == client)
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>The client's own, if need be in place of the one that weighs least, as Space-Saving does.</summary>
    private Entry EntryFor(Client client, TimeSpan now)
    {
        if (Find(client) is { } known)
        {
            return known;
        }

        var weight = 0L;
        if (_failing.Count == Most)
        {
            var least = _failing.MinBy(entry => entry.Weight)!;
            least.Window.MoveTo(Rest(least.Client), now);
            _failing.Remove(least);
            weight = least.Weight;
        }

        var entry = new Entry(client, new OutcomeWindow(window)) { Weight = weight };
        _failing.Add(entry);
        return entry;
    }

    private (Entry? First, Entry? Second) WorstOf(TimeSpan now)
    {
        var (first, second, most, next) = ((Entry?)null, (Entry?)null, 0L, 0L);
        foreach (var entry in _failing)
        {
            var failures = entry.Window.Read(now).Failures;
            if (failures > most)
            {
                (first, second, most, next) = (entry, first, failures, most);
            }
            else if (failures > next)
            {
                (second, next) = (entry, failures);
            }
        }

        return (first, second);
    }

    /// <summary>Whose row counts: of the row's clients that failed more than by chance, the one that began to fail last.</summary>
    private Entry? FirstOf(FailureRow row)
    {
        var first = row.First is { } one ? Find(one.Client) : null;
        return row.Second is { Count: >= Enough } two && Find(two.Client) is { } second
            && (row.First!.Value.Count < Enough || first is null || second.Before.Total > first.Before.Total) ? second : first;
    }

    private static Sum FailuresOf(FailureRow row, Entry entry)
    {
        var other = row.First?.Client == entry.Client ? row.Second?.Count ?? 0 : row.First?.Count ?? 0;
        return new Sum(0, entry.InRow + other);
    }

    private void Forget()
    {
        (_isCounting, _all, _allIdentified, _identifiedBefore) = (false, default, default, default);
        _failing.Clear();
        _identified.Clear();
        _anonymous.Clear();
    }

    private sealed class Entry(Client client, OutcomeWindow counts)
    {
        public Client Client => client;

        public OutcomeWindow Window => counts;

        /// <summary>Its failures, and those of the clients whose place it took.</summary>
        public long Weight { get; set; }

        /// <summary>Its failures since its last success.</summary>
        public long InRow { get; set; }

        /// <summary>What all had done when that row began.</summary>
        public Sum Before { get; set; }

        public void EndRow() => InRow = 0;
    }

    private readonly record struct Sum(long Successes, long Failures)
    {
        public long Total => Successes + Failures;

        public static Sum Of(OutcomeWindow window, TimeSpan now)
        {
            var (total, failures) = window.Read(now);
            return new Sum(total - failures, failures);
        }

        public static Sum operator +(Sum one, Sum other) => new(one.Successes + other.Successes, one.Failures + other.Failures);

        public static Sum operator -(Sum one, Sum other) =>
            new(Math.Max(0, one.Successes - other.Successes), Math.Max(0, one.Failures - other.Failures));

        public bool Contradicts(double failureRatio) => Total >= Enough && Successes > (1 - failureRatio) * Total;
    }
}
