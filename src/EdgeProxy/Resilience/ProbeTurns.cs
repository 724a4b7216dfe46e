using EdgeProxy.Clients;

namespace EdgeProxy.Resilience;

/// <summary>
/// Whose request is the next probe of a half-open breaker, and whose failed probes open it again: each client in turn, and those that
/// fail after the others, so that no client keeps a breaker open. Whoever calls holds the lock of the cluster.
/// </summary>
internal sealed class ProbeTurns
{
    private const int Most = 16;

    /// <summary>How long after a client has asked others give way to it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly List<Turn> _turns = new(Most);
    private TimeSpan _since;

    /// <summary>The breaker opens: the clients that failed before it did get their turn after the others.</summary>
    /// <param name="anew">It was closed: what was before says nothing.</param>
    public void Begin((Client? First, Client? Second) failed, bool anew, TimeSpan now)
    {
        _since = now;
        _turns.RemoveAll(turn => anew || turn.Failures == 0);
        _turns.ForEach(turn => turn.Begin());
        foreach (var client in new[] { failed.First, failed.Second })
        {
            if (client is not null)
            {
                Of(client).Failures = 1;
            }
        }
    }

    /// <summary>No other client that asks has a better claim.</summary>
    /// <param name="askers">The clients that ask the cluster.</param>
    public bool IsTurnOf(Client client, RecentClients askers, TimeSpan now)
    {
        var own = Find(client);
        foreach (var other in askers.Since(now - Patience))
        {
            if (other != client && Claim(Find(other), other).CompareTo(Claim(own, client)) < 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A probe of this client begins.</summary>
    public void Probe(Client client, TimeSpan now) => Of(client).LastProbe = now;

    /// <summary>A probe of this client has succeeded.</summary>
    public void Succeed(Client client)
    {
        if (Find(client) is { } turn)
        {
            (turn.Failures, turn.HasSucceeded) = (0, true);
        }
    }

    /// <summary>A probe of this client has failed, which any client could cause. True: that is enough to open the breaker again.</summary>
    /// <param name="askers">The clients that ask the cluster.</param>
    public bool Fail(Client client, RecentClients askers)
    {
        var own = Of(client);
        (own.HasFailed, own.Failures) = (true, own.Failures + 1);
        var failed = _turns.FindAll(turn => turn.HasFailed);
        var succeeded = _turns.FindAll(turn => turn is { HasSucceeded: true, HasFailed: false });
        return askers.Since(_since).Count <= 1
            || (failed.Count > 1 && failed.Count > succeeded.Count
                && (failed.Exists(turn => !turn.Client.IsAnonymous) || succeeded.TrueForAll(turn => turn.Client.IsAnonymous)));
    }

    private static (int Failures, bool IsAnonymous, TimeSpan LastProbe) Claim(Turn? turn, Client client) =>
        (turn?.Failures ?? 0, client.IsAnonymous, turn?.LastProbe ?? TimeSpan.MinValue);

    private Turn? Find(Client client) => _turns.Find(turn => turn.Client == client);

    private Turn Of(Client client)
    {
        if (Find(client) is { } known)
        {
            return known;
        }

        if (_turns.Count == Most)
        {
            _turns.Remove(_turns.MinBy(turn => turn.LastProbe)!);
        }

        var turn = new Turn(client);
        _turns.Add(turn);
        return turn;
    }

    private sealed class Turn(Client client)
    {
        public Client Client => client;

        public int Failures { get; set; }

        public TimeSpan LastProbe { get; set; } = TimeSpan.MinValue;

        /// <summary>A probe of this client has failed since the breaker opened.</summary>
        public bool HasFailed { get; set; }

        /// <summary>One has succeeded.</summary>
        public bool HasSucceeded { get; set; }

        public void Begin() => (Failures, LastProbe, HasFailed, HasSucceeded) = (1, TimeSpan.MinValue, false, false);
    }
}
