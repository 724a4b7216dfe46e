using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>
/// One client does not make a destination look ill for others, and an outage is seen as fast as ever. A minute of traffic a row; clients
/// that fail begin after twenty seconds, the outage after forty: how long it takes until the breaker opens, and how often it opens while
/// there is no outage. Times are in milliseconds.
/// </summary>
public sealed class BlameTests
{
    private const int Never = int.MaxValue;
    private const int Attack = 20_000;
    private const int Outage = 40_000;

    private static readonly OpenTimes Times = new(
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(300), Doubles: true, Jitter: 0.2, TimeSpan.FromSeconds(10));

    /// <summary>Who asks: name, requests a second, verdict while the destination is well. `!`: the client is identified.</summary>
    public static TheoryData<string, (string Name, double Rate, string Verdict)[], int, int> Table => new()
    {
        // traffic, who asks; opened within, at most so many wrong openings
        { "a single client", [("a", 100, "Success")], 600, 0 },
        { "a single slow client", [("a", 2, "Success")], 5_000, 0 },
        { "a single client whose requests all fail, as today", [("a", 100, "HardFailure")], Never, 12 },
        { "NAT: fifty users with one address", [("nat", 200, "Success"), ("b", 1, "Success")], 600, 0 },
        { "many clients", [.. Many("c", 40, 5, "Success")], 200, 0 },
        { "many clients, 500 on some pages", [.. Many("c", 40, 5, "Success"), .. Many("d", 4, 5, "Failure")], 300, 0 },
        { "a client with 95 %", [("big", 95, "Success"), .. Many("c", 5, 1, "Success")], 600, 0 },
        { "a client with 95 % that fails alone", [("big", 95, "HardFailure"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "one attacker", [("bad", 500, "HardFailure"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "one attacker with gRPC", [("bad", 500, "Grpc 14"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "one attacker against a limit", [("bad", 500, "Status 429"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "one attacker against a limit, with gRPC", [("bad", 500, "Grpc 8"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "one attacker, broken bodies", [("bad", 500, "Broken"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "two attackers", [.. Many("bad", 2, 300, "HardFailure"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "two attackers, 500", [.. Many("bad", 2, 300, "Failure"), .. Many("c", 10, 2, "Success")], 600, 0 },
        { "fifty addresses, identified users", [.. Many("bad", 50, 20, "HardFailure"), .. Many("!c", 10, 2, "Success")], 300, 0 },
        { "fifty addresses, users like them", [.. Many("bad", 50, 20, "HardFailure"), .. Many("c", 10, 2, "Success")], 300, 12 },
        { "a quiet cluster", [("a", 0.5, "Success"), ("b", 0.5, "Success")], 9_000, 0 },
        { "a quiet cluster, and a client that fails now and then", [("a", 0.5, "Success"), ("bad", 0.5, "HardFailure")], 12_000, 1 },
    };

    [Theory, MemberData(nameof(Table))]
    public void Openings_follow_the_destination_and_not_one_client(
        string traffic, (string Name, double Rate, string Verdict)[] askers, int opensWithin, int wrongOpenings)
    {
        var (wrong, _) = Run(askers, outage: false);
        var (_, opened) = Run(askers, outage: true);

        Assert.True(wrong <= wrongOpenings, $"{traffic}: {wrong} wrong openings");
        Assert.True(opensWithin == Never || opened <= opensWithin, $"{traffic}: opened {opened} ms after the outage began");
    }

    [Theory]
    [InlineData("connections are refused", "Unreachable")]
    [InlineData("everything fails", "HardFailure")]
    public void What_no_client_can_cause_counts_at_once_whoever_asked_and_however_well_others_do(string what, string verdict)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        var others = 0;
        for (var ms = 0; ms < 200; ms++)
        {
            var now = TimeSpan.FromMilliseconds(1000 + ms);
            circuit.Count(Enum.Parse<Verdict>(verdict), Named("one"), verdict, now);
            others += ms % 4 == 3 ? 1 : 0;
            circuit.Count(ms % 4 == 3 ? Verdict.Success : Verdict.None, Named($"c{others}"), null, now);
        }

        Assert.True((verdict == "Unreachable") == circuit.ReasonToOpen(TimeSpan.FromMilliseconds(1200)) is not null, what);
    }

    [Fact]
    public void Two_others_are_too_few_to_contradict_and_three_are_enough()
    {
        foreach (var successes in new[] { 2, 3 })
        {
            var circuit = new Circuit(new BreakerSettings(), Times);
            Fail(circuit, 10);
            for (var i = 0; i < successes; i++)
            {
                circuit.Count(Verdict.Success, Named("other"), null, TimeSpan.FromSeconds(1));
            }

            Fail(circuit, 10);
            Assert.Equal(successes == 2, circuit.ReasonToOpen(TimeSpan.FromSeconds(1)) is not null);
        }

        static void Fail(Circuit circuit, int times)
        {
            for (var i = 0; i < times; i++)
            {
                circuit.Count(Verdict.Failure, Named("bad"), "status 500", TimeSpan.FromSeconds(1));
            }
        }
    }

    [Fact]
    public void The_clients_that_fail_most_stay_known_however_many_fail_once()
    {
        var counts = new ClientCounts(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 1000; i++)
        {
            counts.Add(Named("worst"), failed: true, TimeSpan.FromSeconds(1));
            counts.Add(Named("bad"), failed: i % 2 == 0, TimeSpan.FromSeconds(1));
            counts.Add(Named($"c{i}"), failed: i % 5 == 0, TimeSpan.FromSeconds(1));
        }

        Assert.Equal((Named("worst"), Named("bad")), counts.Worst(TimeSpan.FromSeconds(1)));
        Assert.True(counts.Contradict(0.5, TimeSpan.FromSeconds(1)));
        Assert.False(counts.Contradict(0.1, TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Failures_that_no_client_can_cause_open_it_beside_those_of_a_client_that_others_contradict()
    {
        foreach (var verdict in new[] { Verdict.Unreachable, Verdict.HardFailure })
        {
            var circuit = new Circuit(new BreakerSettings(), Times);
            circuit.Count(Verdict.Failure, Named("bad"), "status 500", TimeSpan.FromSeconds(1));
            for (var i = 0; i < 50; i++)
            {
                circuit.Count(Verdict.Success, Named("other"), null, TimeSpan.FromSeconds(1));
            }

            for (var i = 0; i < 10; i++)
            {
                circuit.Count(i == 0 ? Verdict.HardFailure : verdict, Named("bad"), "failed", TimeSpan.FromSeconds(1 + (i / 10.0)));
            }

            Assert.Equal(verdict == Verdict.Unreachable, circuit.ReasonToOpen(TimeSpan.FromSeconds(2)) is not null);
        }
    }

    [Fact]
    public void What_others_did_before_a_client_s_last_success_does_not_contradict_its_failures_after_it()
    {
        foreach (var succeeds in new[] { false, true })
        {
            var circuit = new Circuit(new BreakerSettings(), Times);
            circuit.Count(Verdict.HardFailure, Named("one"), "status 500", TimeSpan.FromSeconds(1));
            for (var i = 0; i < 50; i++)
            {
                circuit.Count(Verdict.Success, Named("other"), null, TimeSpan.FromSeconds(1));
            }

            circuit.Count(succeeds ? Verdict.Success : Verdict.HardFailure, Named("one"), "status 500", TimeSpan.FromSeconds(1));
            circuit.Count(Verdict.Success, Named("other"), null, TimeSpan.FromSeconds(1));
            for (var i = 0; i < 10; i++)
            {
                circuit.Count(Verdict.HardFailure, Named("one"), "status 500", TimeSpan.FromSeconds(2 + (i / 10.0)));
            }

            Assert.Equal(succeeds, circuit.ReasonToOpen(TimeSpan.FromSeconds(3)) is not null);
        }
    }

    [Fact]
    public void Successes_are_counted_by_client_no_longer_once_nothing_has_failed_for_the_window()
    {
        var counts = new ClientCounts(TimeSpan.FromSeconds(30));
        counts.Add(Named("one"), failed: true, TimeSpan.FromSeconds(1));
        counts.Add(Named("one"), failed: false, TimeSpan.FromSeconds(31));
        Assert.True(counts.IsCounting);

        counts.Add(Named("one"), failed: false, TimeSpan.FromSeconds(32));
        Assert.False(counts.IsCounting);
    }

    [Theory]
    [InlineData("a", 5, 1)]
    [InlineData("a", 2, 3)]
    [InlineData("!a", 5, 3)]
    public void An_opening_by_many_addresses_that_nobody_is_known_behind_does_not_double(string name, int clients, int opens)
    {
        var circuit = new Circuit(new BreakerSettings(), Times);
        for (var opening = 1; opening <= 3; opening++)
        {
            for (var i = 0; i < 5; i++)
            {
                var at = TimeSpan.FromMilliseconds((opening * 1000) + (i * 150));
                circuit.Count(Verdict.HardFailure, Named($"{name}{i % clients}"), "status 503", at);
            }

            var now = TimeSpan.FromMilliseconds((opening * 1000) + 600);
            Assert.NotNull(circuit.ReasonToOpen(now));
            circuit.Open("why", now, chance: 0.5);
            circuit.Breaker.Advance(TimeSpan.FromHours(1));
            for (var probe = 0; probe < Breaker.ProbesNeeded; probe++)
            {
                circuit.Breaker.EndProbe(Verdict.Success, now);
            }
        }

        Assert.Equal(opens, circuit.Breaker.Opens);
    }

    private static (int Openings, int Opened) Run((string Name, double Rate, string Verdict)[] askers, bool outage)
    {
        var random = new Random(5);
        var circuit = new Circuit(new BreakerSettings(), Times);
        var requests = askers.SelectMany(asker => Requests(asker, random)).OrderBy(request => request.Ms);
        var (openings, opened, shutUntil) = (0, Never, 0.0);
        foreach (var (ms, client, verdict) in requests)
        {
            if (ms < shutUntil)
            {
                continue;
            }

            var now = TimeSpan.FromMilliseconds(1000 + ms);
            Count(circuit, outage && ms >= Outage ? "HardFailure" : verdict, client, now);
            if (circuit.ReasonToOpen(now) is null)
            {
                continue;
            }

            if (outage && ms >= Outage)
            {
                opened = Math.Min(opened, (int)(ms - Outage));
                break;
            }

            openings++;
            shutUntil = ms + 5000;
            circuit.Clear();
        }

        return (openings, opened);
    }

    /// <summary>As they come, of an asker that knows nothing of the others. Whoever fails begins later.</summary>
    private static IEnumerable<(double Ms, Client Client, string Verdict)> Requests(
        (string Name, double Rate, string Verdict) asker, Random random)
    {
        for (var ms = asker.Verdict == "Success" ? 0.0 : Attack; ms < 60_000; ms += -1000 / asker.Rate * Math.Log(1 - random.NextDouble()))
        {
            yield return (ms, Named(asker.Name), asker.Verdict);
        }
    }

    private static void Count(Circuit circuit, string verdict, Client client, TimeSpan now)
    {
        if (verdict == "Broken")
        {
            circuit.Amend(now, client, circuit.Count(Verdict.Success, client, null, now));
            return;
        }

        var words = verdict.Split(' ');
        circuit.Count(
            words[0] switch
            {
                "Grpc" => Verdicts.OfGrpc(words[1], isClientsDeadline: false),
                "Status" => Verdicts.OfStatus(int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture)),
                _ => Enum.Parse<Verdict>(verdict),
            },
            client, verdict, now);
    }

    private static IEnumerable<(string Name, double Rate, string Verdict)> Many(string name, int count, double rate, string verdict) =>
        Enumerable.Range(0, count).Select(i => ($"{name}{i}", rate, verdict));

    private static Client Named(string name) => new(name, Client.AnonymousPlan, IsAnonymous: !name.StartsWith('!'));
}
