using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Shedding;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static EdgeProxy.IntegrationTests.Shedding.Bounded;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>Bounds of `Concurrency` that change, come and go while requests are under way and wait.</summary>
public sealed class ConcurrencyReloadTests
{
    [Fact]
    public async Task A_reload_keeps_what_is_counted_and_its_bounds_hold_at_once()
    {
        await using var held = await Held.StartAsync();
        string Sections(int max) =>
            Edge.OneRoute(held.Address, $"\"Concurrency\": {{ \"Max\": {max}, \"Queue\": 5, \"QueueTimeout\": \"1h\" }}");
        await using var edge = await Edge.StartAsync(Sections(1));
        var requests = new List<Task<string>> { edge.Client.GetStringAsync("/", Wait.Deadline) };
        await held.UntilInsideAsync(1);
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        await UntilAsync(edge, isRoute: true, used: 1, queued: 2);

        await Reload.ApplyAsync(edge, Sections(2));
        await held.UntilInsideAsync(2);
        await UntilAsync(edge, isRoute: true, used: 2, queued: 1);
        await Reload.ApplyAsync(edge, Sections(1));
        held.LetOneGo();
        await UntilAsync(edge, isRoute: true, used: 1, queued: 1);
        await Reload.ApplyAsync(edge, Edge.OneRoute(held.Address));
        await held.UntilInsideAsync(2);

        held.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
    }

    [Fact]
    public async Task The_gate_of_a_route_that_goes_is_forgotten_with_the_reload_and_those_of_others_stay()
    {
        await using var held = await Held.StartAsync();
        string Sections(string routes) => $$"""
            "ReverseProxy": {
              "Routes": { {{routes}} }, "Clusters": { "up": { "Destinations": { "a": { "Address": "{{held.Address}}" } } } }
            }
            """;
        const string Stays = "\"stays\": { \"ClusterId\": \"up\", \"Match\": { \"Path\": \"/stays\" }, " + One + " }";
        const string Goes = "\"goes\": { \"ClusterId\": \"up\", \"Match\": { \"Path\": \"/goes\" }, " + One + " }";
        await using var edge = await Edge.StartAsync(Sections(Stays + "," + Goes));
        var gates = edge.Services.GetRequiredService<RouteGates>();
        var requests = new[] { edge.Client.GetStringAsync("/stays", Wait.Deadline), edge.Client.GetStringAsync("/goes", Wait.Deadline) };
        await held.UntilInsideAsync(2);
        var gate = gates.Find("stays");
        Assert.NotNull(gates.Find("GOES"));

        await Reload.ApplyAsync(edge, Sections(Stays));

        await Wait.UntilAsync(() => gates.Find("goes") is null, "the gate is forgotten");
        Assert.Same(gate, gates.Find("Stays"));
        Assert.Equal(1, gate!.Inside);
        held.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
    }
}
