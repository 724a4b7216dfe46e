using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What is counted, for how long, and when it is too much.</summary>
public sealed class CircuitTests
{
    private static readonly OpenTimes Times = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(300), true, 0.2, TimeSpan.FromSeconds(10));

    private static readonly Gen<(bool Failed, int Millis)[]> Stories = Gen.ArrayOf(
        from failed in Gen.Elements(true, false)
        from millis in Gen.Frequency((8, Gen.Choose(0, 500)), (1, Gen.Choose(0, 70_000)))
        select (failed, millis), 300);

    [Fact]
    public void The_counts_are_exactly_those_of_the_last_ten_buckets() => Prop.ForAll(Stories.ToArbitrary(), story =>
    {
        var window = new OutcomeWindow(TimeSpan.FromSeconds(30));
        var seen = new List<(long Bucket, bool Failed)>();
        var now = TimeSpan.FromSeconds(7);
        foreach (var (failed, millis) in story)
        {
            now += TimeSpan.FromMilliseconds(millis);
            var bucket = now.Ticks / TimeSpan.FromSeconds(3).Ticks;
            window.Add(now, failed);
            seen.Add((bucket, failed));
            var recent = seen.Where(one => one.Bucket > bucket - 10).ToList();
            Assert.Equal((recent.Count, recent.Count(one => one.Failed)), window.Read(now));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task No_count_is_lost_between_writers()
    {
        var window = new OutcomeWindow(TimeSpan.FromSeconds(30));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                window.Add(TimeSpan.FromMilliseconds(100 + i), (i + writer) % 2 == 0);
            }
        })));
        Assert.Equal((80_000, 40_000), window.Read(TimeSpan.FromSeconds(10.1)));
    }

    [Fact]
    public void A_cleared_window_has_forgotten_everything()
    {
        var window = new OutcomeWindow(TimeSpan.FromSeconds(30));
        window.Add(TimeSpan.FromSeconds(1), failed: true);
        window.Clear();
        Assert.Equal((0, 0), window.Read(TimeSpan.FromSeconds(1)));
        window.Add(TimeSpan.FromSeconds(1), failed: false);
        Assert.Equal((1, 0), window.Read(TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData(10, 9, false)]  // 19 do not suffice
    [InlineData(10, 10, true)]
    [InlineData(9, 11, false)]
    [InlineData(100, 0, true)]
    public void A_ratio_counts_from_twenty_requests_on(int failures, int successes, bool opens)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        Count(circuit, Verdict.Success, successes);
        Count(circuit, Verdict.Failure, failures);
        Assert.Equal(opens, circuit.ReasonToOpen(TimeSpan.FromSeconds(1)) is not null);
    }

    [Theory]
    [InlineData("HardFailure")]
    [InlineData("Unreachable")]
    public void Five_in_a_row_without_doubt_open_it_and_any_response_ends_the_row(string failure)
    {
        foreach (var between in new[] { Verdict.Success, Verdict.Alive, Verdict.Failure })
        {
            var circuit = new Circuit(new BreakerSettings(), Times);
            Count(circuit, Enum.Parse<Verdict>(failure), 4);
            Count(circuit, between, 1);
            Count(circuit, Enum.Parse<Verdict>(failure), 4);
            Assert.Null(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
            Count(circuit, Verdict.None, 1);
            Count(circuit, Enum.Parse<Verdict>(failure), 1);
            Assert.NotNull(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
        }
    }

    [Theory]
    [InlineData("HardFailure", 1, 499, false)]
    [InlineData("HardFailure", 2, 499, false)]
    [InlineData("HardFailure", 1, 500, true)]
    [InlineData("HardFailure", 2, 500, true)]
    [InlineData("HardFailure", 3, 0, true)]
    [InlineData("Failure", 1, 499, false)]
    [InlineData("Failure", 1, 500, true)]
    [InlineData("Failure", 3, 0, true)]
    [InlineData("Unreachable", 1, 0, true)]
    public void A_row_counts_once_it_has_lasted_or_spans_three_clients_unless_no_client_can_cause_it(
        string failure, int clients, int millis, bool opens)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        for (var i = 0; i < 20; i++)
        {
            var now = TimeSpan.FromMilliseconds(1000 + (i * millis / 19));
            circuit.Count(Enum.Parse<Verdict>(failure), Client(i % clients), failure, now);
            circuit.Count(Verdict.None, Client(9), null, now);
        }

        for (var i = 0; i < 20_000; i++)
        {
            circuit.Count(Verdict.None, Client(9), null, TimeSpan.FromMilliseconds(1000));
        }

        Assert.Equal(opens, circuit.ReasonToOpen(TimeSpan.FromMilliseconds(1500)) is { } reason && reason.Contains(" in a row"));
    }

    [Fact]
    public void Errors_of_some_pages_do_not_open_a_circuit_while_others_are_well()
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        Count(circuit, Verdict.Success, 101);
        for (var i = 0; i < 5; i++)
        {
            Count(circuit, Verdict.Failure, 19);
            Count(circuit, i % 2 == 0 ? Verdict.Success : Verdict.Alive, 1);
            Assert.Null(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
        }
    }

    [Fact]
    public void As_many_failures_in_a_row_as_the_ratio_takes_open_it_however_good_the_past()
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        Count(circuit, Verdict.Success, 10_000);
        Count(circuit, Verdict.Failure, 19);
        Assert.Null(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
        Count(circuit, Verdict.Failure, 1);
        Assert.Equal("20 failures in a row, the last: Failure", circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Answers_that_break_off_are_failures_and_no_successes()
    {
        var circuit = new Circuit(new BreakerSettings { ConsecutiveFailures = 100 }, Times);
        for (var i = 0; i < 20; i++)
        {
            circuit.Amend(
                TimeSpan.FromSeconds(1), Client(i), circuit.Count(Verdict.Success, Client(i), null, TimeSpan.FromSeconds(1)));
        }

        Assert.Equal("20 of 20 requests failed within 30 s, the last: incomplete", circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData(1)] // one after the other
    [InlineData(3)] // several at a time
    public void Answers_that_break_off_in_a_row_open_it_and_one_that_ends_well_ends_the_row(int atATime)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        Count(circuit, Verdict.Success, 10_000);
        BreakOff(circuit, 4, atATime);
        Assert.Null(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
        Count(circuit, Verdict.Success, 1);
        BreakOff(circuit, 4, atATime);
        Assert.Null(circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
        BreakOff(circuit, 1, 1);
        Assert.Equal("5 failures in a row, the last: incomplete", circuit.ReasonToOpen(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void What_people_are_told_has_a_beginning_and_an_end_where_time_alone_brings_it_and_a_reason_until_it_is_closed()
    {
        var (circuit, today) = (new Circuit(new BreakerSettings(), Times), DateTimeOffset.UnixEpoch);
        Assert.Equal(new CircuitStanding(BreakerState.Closed, null, null, null), circuit.Standing);

        circuit.Open("why", TimeSpan.FromSeconds(100), chance: 0.5);
        Assert.Equal(new CircuitStanding(BreakerState.Open, today, today.AddSeconds(5), "why"), StandingAt(105 - 5));

        circuit.Breaker.Advance(TimeSpan.FromSeconds(105));
        Assert.Equal(new CircuitStanding(BreakerState.HalfOpen, today.AddSeconds(5), null, "why"), StandingAt(105));

        for (var probe = 0; probe < Breaker.ProbesNeeded; probe++)
        {
            circuit.Breaker.EndProbe(Verdict.Success, TimeSpan.FromSeconds(107));
        }

        Assert.Equal(
            new CircuitStanding(BreakerState.Recovering, today.AddSeconds(8), today.AddSeconds(17), "why"), StandingAt(108));

        circuit.Breaker.Advance(TimeSpan.FromSeconds(117));
        Assert.Equal(new CircuitStanding(BreakerState.Closed, today.AddSeconds(17), null, null), StandingAt(117));

        CircuitStanding StandingAt(int seconds)
        {
            circuit.Stand(TimeSpan.FromSeconds(seconds), today.AddSeconds(seconds - 100));
            return circuit.Standing;
        }
    }

    [Theory]
    [InlineData(200, "Success")]
    [InlineData(101, "Success")]
    [InlineData(304, "Success")]
    [InlineData(404, "Alive")]
    [InlineData(429, "None")]
    [InlineData(500, "Failure")]
    [InlineData(501, "Alive")]
    [InlineData(502, "HardFailure")]
    [InlineData(503, "HardFailure")]
    [InlineData(504, "HardFailure")]
    [InlineData(505, "Alive")]
    [InlineData(599, "Failure")]
    public void A_status_says_what_the_destination_can_be_blamed_for(int status, string verdict) =>
        Assert.Equal(verdict, Verdicts.OfStatus(status).ToString());

    [Fact]
    public void What_the_client_broke_off_says_nothing_and_no_client_can_cause_that_there_is_no_connection()
    {
        var blameless = new[] { AttemptOutcome.Canceled, AttemptOutcome.Failed, AttemptOutcome.EdgeExhausted };
        var caused = new[] { AttemptOutcome.Closed, AttemptOutcome.Protocol, AttemptOutcome.Timeout };
        foreach (var outcome in AttemptOutcome.All.Except([AttemptOutcome.Ok, AttemptOutcome.ServerError]))
        {
            Assert.Equal(
                blameless.Contains(outcome) ? Verdict.None : caused.Contains(outcome) ? Verdict.HardFailure : Verdict.Unreachable,
                Verdicts.OfFailure(outcome));
        }
    }

    [Theory]
    [InlineData(1, 50, 0)]
    [InlineData(1, 100, 0)]
    [InlineData(2, 50, 1)]
    [InlineData(2, 100, 1)]
    [InlineData(3, 50, 1)]
    [InlineData(3, 100, 2)]
    [InlineData(5, 50, 2)]
    [InlineData(5, 10, 0)]
    [InlineData(10, 10, 1)]
    [InlineData(5, 0, 0)]
    public void So_many_of_a_cluster_are_left_out_at_most(int total, int maxPercent, int most)
    {
        var ejected = 0;
        while (EjectionLimit.Allows(total, ejected, total - ejected - 1, maxPercent))
        {
            ejected++;
        }

        Assert.Equal(most, ejected);
    }

    private static Client Client(int number) => new($"10.0.0.{number}", EdgeProxy.Clients.Client.AnonymousPlan, IsAnonymous: true);

    /// <summary>Of three clients in turn.</summary>
    private static void Count(Circuit circuit, Verdict verdict, int times)
    {
        for (var i = 0; i < times; i++)
        {
            circuit.Count(verdict, Client(i % 3), verdict >= Verdict.Failure ? $"{verdict}" : null, TimeSpan.FromSeconds(1));
        }
    }

    private static void BreakOff(Circuit circuit, int count, int atATime)
    {
        while (count > 0)
        {
            var begun = Enumerable.Range(count, Math.Min(count, atATime)).Select(i => Client(i % 7))
                .Select(client => (client, circuit.Count(Verdict.Success, client, null, TimeSpan.FromSeconds(1)))).ToList();
            begun.ForEach(one => circuit.Amend(TimeSpan.FromSeconds(1), one.client, one.Item2));
            count -= begun.Count;
        }
    }
}
