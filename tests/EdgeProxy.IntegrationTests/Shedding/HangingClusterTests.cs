using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>What one cluster's hanging destinations do to everybody else: nothing.</summary>
public sealed class HangingClusterTests
{
    private const int Others = 100;
    private const int Max = 20;
    private const int Queue = 10;

    [Fact]
    public async Task While_all_destinations_of_a_cluster_hang_a_hundred_other_routes_answer_and_what_waits_is_bounded()
    {
        await using var good = await Upstream.StartAsync();
        await using var one = await Held.StartAsync();
        await using var two = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Sections(good.Address, one.Address, two.Address));
        using var patience = new CancellationTokenSource();

        var hanging = Enumerable.Range(0, 300).Select(_ => edge.Client.GetAsync("/hanging", patience.Token)).ToList();
        await UntilAsync(edge, Max, Queue);
        var refused = hanging.Count - Max - Queue;
        await Wait.UntilAsync(() => hanging.Count(request => request.IsCompleted) == refused, "those for whom there is no room have heard");

        // More of them come all the time, and each of the others is asked several times.
        for (var round = 0; round < 5; round++)
        {
            var more = Enumerable.Range(0, 50).Select(_ => edge.Client.GetAsync("/hanging", Wait.Deadline)).ToList();
            var others = Enumerable.Range(0, Others).Select(i => edge.Client.GetAsync($"/other/{i}", Wait.Deadline)).ToList();
            Assert.All(await Task.WhenAll(others), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
            foreach (var answer in await Task.WhenAll(more))
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                Assert.Contains("concurrency_limit", await answer.Content.ReadAsStringAsync(Wait.Deadline), StringComparison.Ordinal);
            }

            await UntilAsync(edge, Max, Queue);
        }

        Assert.Equal(Max, one.Hits + two.Hits);
        Assert.Equal(Others * 5, good.Hits);

        await patience.CancelAsync();
        await UntilAsync(edge, 0, 0);
        one.LetAllGo();
        two.LetAllGo();
        Assert.Equal("held", await edge.Client.GetStringAsync("/hanging", Wait.Deadline));
    }

    private static string Sections(string good, string one, string two) => $$"""
        "ReverseProxy": {
          "Routes": {
            {{string.Join(",\n", Enumerable.Range(0, Others).Select(i => $$"""
            "other-{{i}}": { "ClusterId": "good-{{i % 10}}", "Match": { "Path": "/other/{{i}}" } }
            """))}},
            "hanging": { "ClusterId": "hanging", "Match": { "Path": "/hanging" } } },
          "Clusters": {
            {{string.Join(",\n", Enumerable.Range(0, 10).Select(i => $$"""
            "good-{{i}}": { "Destinations": { "a": { "Address": "{{good}}" } } }
            """))}},
            "hanging": { "CircuitBreaker": { "Enabled": false },
              "Concurrency": { "Max": {{Max}}, "Queue": {{Queue}}, "QueueTimeout": "1h" },
              "Destinations": { "a": { "Address": "{{one}}" }, "b": { "Address": "{{two}}" } } } }
        }
        """;

    private static async Task UntilAsync(Edge edge, int used, int queued) => await Wait.UntilAsync(async () =>
    {
        using var answer = JsonDocument.Parse(await edge.Admin.GetStringAsync("/v1/clusters/hanging"));
        var gate = answer.RootElement.GetProperty("concurrency");
        return gate.GetProperty("inUse").GetInt32() == used && gate.GetProperty("queued").GetInt32() == queued;
    }, $"{used} are under way and {queued} wait");
}
