using System.Globalization;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>The product's nodes against a twin of the store's script, in simulated time: what leases cost and what they admit.</summary>
public sealed class LeaseSimulationTests(ITestOutputHelper output)
{
    private static readonly Scenario[] Steady =
    [
        new("0.5x", 1000, 1000, 500),
        new("0.95x", 1000, 1000, 950),
        new("2x", 1000, 1000, 2000),
        new("10x", 1000, 1000, 10_000),
        new("2x, 90 % on one node", 1000, 1000, 2000) { Choose = static (_, where, nodes) => where < 0.9 ? 0 : (int)(where * nodes) },
        new("2x, moves each second", 1000, 1000, 2000) { Choose = static (at, _, nodes) => (int)at % nodes },
    ];

    private static readonly Scenario[] Bursts =
    [
        new("0.5 s of 4000/s, 3.5 s of none", 1000, 1000, 0) { Load = static at => at % 4 < 0.5 ? 4000 : 0 },
        new("0.8x and 0.2 s of 20 000/s", 1000, 1000, 0) { Load = static at => at % 4 < 0.2 ? 20_000 : 800 },
    ];

    private static readonly Scenario[] Others =
    [
        new("20 000/s, 0.9x", 20_000, 20_000, 18_000) { Seconds = 10 },
        new("capacity 10, 1/s, at 100/s", 10, 1, 100),
        new("capacity 20, 100/s, at 300/s", 20, 100, 300) { Nodes = 4 },
        new("capacity 60, 1/s, at 2/s", 60, 1, 2),
    ];

    private static readonly Scenario[] Outages =
    [
        new("0.8x, store away for 10 s", 1000, 1000, 800) { Pause = (10, 20) },
        new("2x, store away for 10 s", 1000, 1000, 2000) { Pause = (10, 20) },
        new("10x, store away for 10 s", 1000, 1000, 10_000) { Pause = (10, 20) },
    ];

    public static TheoryData<string> Names() => [.. All.Select(scenario => scenario.Name)];

    private static Scenario[] All => [.. Steady, .. Bursts, .. Others, .. Outages];

    [Theory, MemberData(nameof(Names))]
    public void Nodes_admit_nearly_all_that_one_bucket_would_and_never_more(string name)
    {
        var scenario = All.First(scenario => scenario.Name == name);
        var outcome = scenario.Run();
        output.WriteLine("| load | of oracle | over | calls/request | waited | longest wait ms | waited > 2 ms |");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {scenario.Name} | {outcome.OfOracle:P2} | {outcome.Over:F2} | {outcome.CallsPerRequest:F4} | {outcome.Waited:P2} "
            + $"| {outcome.LongestWait / 1000.0:F1} | {outcome.Late} |"));

        // While the store is away nodes do not see each other: up to the capacity once more, and no request waits beyond the deadline.
        Assert.InRange(outcome.Over, 0, Outages.Contains(scenario) ? scenario.Capacity : 0);
        Assert.InRange(outcome.LongestWait, 0, 5000);
        var least = Bursts.Contains(scenario) ? 0.93 : Outages.Contains(scenario) ? 0.99 : 0.995;
        Assert.InRange(outcome.OfOracle, least, Outages.Contains(scenario) ? 1.02 : 1);
        if (Steady.Contains(scenario) || Bursts.Contains(scenario))
        {
            Assert.InRange(outcome.CallsPerRequest, 0, 0.06);
        }
    }

    /// <summary>
    /// The worst moment for a late answer: others use up what is there while the request goes on from what was said before.
    /// </summary>
    [Theory, InlineData(3, 0.01), InlineData(3, 0.05), InlineData(8, 0.05)]
    public void A_burst_that_empties_a_full_bucket_finds_no_more_in_it_when_answers_are_late(int nodes, double late)
    {
        var burst = new Scenario("10x", 1000, 1000, 10_000) { Nodes = nodes, Seconds = 1, Late = late };
        var outcomes = Enumerable.Range(1, 40).Select(burst.Run).ToArray();
        Assert.Equal(0, outcomes.Max(one => one.Over));
        Assert.InRange(outcomes.Average(one => one.OfOracle), 0.98, 1);
    }

    /// <summary>What others drew at last is not drawn while the store is away: nobody can.</summary>
    [Fact]
    public void An_outage_that_begins_in_a_burst_goes_on_with_what_comes_in()
    {
        var burst = new Scenario("burst", 1000, 100, 0)
        {
            Nodes = 3,
            Seconds = 10,
            Load = static at => at < 0.05 ? 20_000 : 60,
            Pause = (0.05, 10),
        };

        Assert.InRange(burst.Run().OfOracle, 0.95, 1.02);
    }

    [Fact]
    public void A_client_of_many_requests_costs_next_to_no_calls() =>
        Assert.InRange(Others[0].Run().CallsPerRequest, 0, 0.005);

    [Fact]
    public void Those_who_are_refused_do_not_ask() =>
        Assert.InRange(new Scenario("hammered", 10, 1, 10_000) { Nodes = 1, Seconds = 10 }.Run().CallsPerRequest, 0, 20 / 10_000.0);
}
