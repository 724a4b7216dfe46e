using EdgeProxy.Clients;
using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>Who may probe a half-open breaker, and whose failed probes open it again.</summary>
public sealed class ProbeTurnsTests
{
    private static readonly Client A = Client.At(new([10, 0, 0, 1]), 64);
    private static readonly Client B = Client.At(new([10, 0, 0, 2]), 64);
    private static readonly Client C = Client.At(new([10, 0, 0, 3]), 64);
    private static readonly Client Known = new("known", "pro", IsAnonymous: false);

    private readonly RecentClients _askers = new();
    private readonly ProbeTurns _turns = new();

    public ProbeTurnsTests() => _turns.Begin(default, anew: true, At(0));

    [Fact]
    public void A_client_that_asks_alone_decides_alone()
    {
        Ask(1, A);
        Assert.True(_turns.IsTurnOf(A, _askers, At(1)));
        _turns.Probe(A, At(1));
        Assert.True(_turns.Fail(A, _askers));
        Assert.True(_turns.IsTurnOf(A, _askers, At(1.1)));
    }

    [Fact]
    public void Clients_that_ask_get_their_probes_in_turn()
    {
        Ask(1, A, B, C);
        var order = new List<Client>();
        for (var i = 0; i < 6; i++)
        {
            var next = new[] { A, B, C }.First(client => _turns.IsTurnOf(client, _askers, At(1 + (i * 0.1))));
            _turns.Probe(next, At(1 + (i * 0.1)));
            order.Add(next);
        }

        Assert.Equal([A, B, C, A, B, C], order);
    }

    [Fact]
    public void A_client_whose_probe_failed_waits_while_another_asks_and_no_longer()
    {
        Ask(1, A, B);
        _turns.Probe(A, At(1));
        _turns.Fail(A, _askers);
        _turns.Probe(B, At(1.2));
        Assert.False(_turns.IsTurnOf(A, _askers, At(1.9)));
        Assert.True(_turns.IsTurnOf(B, _askers, At(1.9)));
        Assert.True(_turns.IsTurnOf(A, _askers, At(2.1)));
    }

    [Fact]
    public void The_two_clients_that_failed_before_it_opened_come_last()
    {
        _turns.Begin((A, B), anew: true, At(0));
        Ask(1, A, B, C);
        Assert.Equal([false, false, true], [Turn(A), Turn(B), Turn(C)]);

        bool Turn(Client client) => _turns.IsTurnOf(client, _askers, At(1));
    }

    [Fact]
    public void A_client_that_failed_before_it_opened_comes_last_when_it_has_opened_again_too()
    {
        _turns.Begin((A, null), anew: true, At(0));
        _turns.Begin(default, anew: false, At(2));
        Ask(3, A, C);
        Assert.Equal([false, true], [_turns.IsTurnOf(A, _askers, At(3)), _turns.IsTurnOf(C, _askers, At(3))]);
    }

    [Fact]
    public void A_client_whose_probe_succeeded_gets_its_turn_as_others_do()
    {
        _turns.Begin((A, null), anew: true, At(0));
        _turns.Probe(A, At(1));
        _turns.Succeed(A);
        _turns.Probe(B, At(1.5));
        Ask(2, A, B);
        Assert.Equal([true, false], [_turns.IsTurnOf(A, _askers, At(2)), _turns.IsTurnOf(B, _askers, At(2))]);
    }

    [Fact]
    public void It_takes_failures_of_two_clients_where_two_have_asked()
    {
        Ask(1, A, B);
        Assert.False(_turns.Fail(A, _askers));
        Assert.False(_turns.Fail(A, _askers));
        Assert.True(_turns.Fail(B, _askers));
    }

    [Fact]
    public void As_many_clients_that_succeed_contradict_those_that_fail()
    {
        Ask(1, A, B, C, Known);
        _turns.Probe(C, At(1));
        _turns.Succeed(C);
        _turns.Probe(Known, At(1));
        _turns.Succeed(Known);
        Assert.False(_turns.Fail(A, _askers));
        Assert.False(_turns.Fail(B, _askers));
    }

    [Fact]
    public void Clients_that_are_identified_come_first_and_contradict_any_number_that_are_not()
    {
        Ask(1, A, B, C, Known);
        Assert.Equal([false, true], [_turns.IsTurnOf(A, _askers, At(1)), _turns.IsTurnOf(Known, _askers, At(1))]);
        _turns.Probe(Known, At(1));
        _turns.Succeed(Known);
        Assert.Equal([false, false, false], [_turns.Fail(A, _askers), _turns.Fail(B, _askers), _turns.Fail(C, _askers)]);
    }

    [Fact]
    public void Who_asked_before_it_opened_does_not_make_another_wait_for_two()
    {
        Ask(1, A, B);
        _turns.Begin(default, anew: false, At(2));
        Ask(3, A);
        Assert.True(_turns.Fail(A, _askers));
    }

    [Fact]
    public void More_clients_than_are_kept_crowd_out_those_that_asked_longest_ago()
    {
        for (var i = 0; i < 100; i++)
        {
            _askers.Note(Client.At(new([10, 1, 0, (byte)i]), 64), At(i));
        }

        Assert.Equal(16, _askers.Since(At(0)).Count);
        Assert.Contains(Client.At(new([10, 1, 0, 99]), 64), _askers.Since(At(99)));
    }

    private void Ask(double seconds, params Client[] clients)
    {
        foreach (var client in clients)
        {
            _askers.Note(client, At(seconds));
        }
    }

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
