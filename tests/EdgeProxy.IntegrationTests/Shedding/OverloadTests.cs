using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Shedding;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>What the edge refuses when there is too much of all together.</summary>
public sealed class OverloadTests
{
    private static readonly string[] Routes = ["CriticalPlus", "Critical", "SheddablePlus", "Sheddable"];

    private static string Sections(string upstream) => $$"""
        "ReverseProxy": {
          "Routes": {
            {{string.Join(",\n", Routes.Select(name => $$"""
            "{{name}}": { "ClusterId": "up", "Match": { "Path": "/{{name}}" }, "Criticality": "{{name}}" }
            """))}},
            "usual": { "ClusterId": "up", "Match": { "Path": "/usual" } },
            "hold": { "ClusterId": "held", "Match": { "Path": "/hold" }, "Criticality": "CriticalPlus" } },
          "Clusters": {
            "up": { "Destinations": { "a": { "Address": "{{upstream.Split(' ')[0]}}" } } },
            "held": { "Destinations": { "a": { "Address": "{{upstream.Split(' ')[1]}}" } } } }
        }
        """;

    [Fact]
    public async Task The_more_there_is_under_way_the_more_critical_is_what_is_refused()
    {
        await using var up = await Upstream.StartAsync();
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(
            Sections($"{up.Address} {held.Address}"), "\"Overload\": { \"RequestsInFlight\": 20, \"ThreadPoolDelay\": \"1m\" }");
        using var readings = new Readings(edge);
        var log = Log.Of(edge);
        var requests = new List<Task<string>>();
        foreach (var (count, level) in new[] { (0, 0), (16, 1), (18, 2), (20, 3) })
        {
            while (requests.Count < count)
            {
                requests.Add(edge.Client.GetStringAsync("/hold", Wait.Deadline));
            }

            await UntilAsync(edge, level);

            for (var i = 0; i < Routes.Length; i++)
            {
                using var answer = await edge.Client.GetAsync("/" + Routes[i], Wait.Deadline);
                Assert.Equal(i + level > 3 ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK, answer.StatusCode);
                if (!answer.IsSuccessStatusCode)
                {
                    var status = Assert.Single(answer.Headers.GetValues("Proxy-Status"));
                    Assert.Contains("details=\"overloaded\"", status, StringComparison.Ordinal);
                    Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
                }
            }

            using var usual = await edge.Client.GetAsync("/usual", Wait.Deadline);
            Assert.Equal(level == 3, usual.StatusCode == HttpStatusCode.ServiceUnavailable);
            using var unknown = await edge.Client.GetAsync("/nowhere", Wait.Deadline);
            Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
            Assert.Equal("ok\n", await edge.Admin.GetStringAsync("/readyz"));
        }

        Assert.Equal([1, 2, 3], log.Entries(LogLevel.Warning).Where(line => line.Contains("Overload level", StringComparison.Ordinal))
            .Select(line => line.Split("Overload level ")[1][0] - '0'));
        Assert.Equal(3, readings["edgeproxy_shed_total{criticality=Sheddable,reason=in_flight}"]);
        Assert.Equal(2, readings["edgeproxy_shed_total{criticality=SheddablePlus,reason=in_flight}"]);
        Assert.Equal(2, readings["edgeproxy_shed_total{criticality=Critical,reason=in_flight}"]);
        Assert.Equal(3, readings.Gauges()["edgeproxy_overload_level{reason=in_flight}"]);
        held.LetAllGo();
        await Task.WhenAll(requests);
        await UntilAsync(edge, 0);
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/Sheddable", Wait.Deadline)).StatusCode);
    }

    [Fact]
    public async Task What_is_refused_costs_no_token_and_a_reload_changes_the_bounds()
    {
        await using var up = await Upstream.StartAsync();
        await using var held = await Held.StartAsync();
        var limits = """
            "RateLimits": { "few": { "Per": "Global", "Limits": [ { "Name": "h", "Capacity": 2, "Refill": 1, "Every": "1h" } ] } },
            """;
        var sections = limits + Sections($"{up.Address} {held.Address}").Replace(
            "\"Criticality\": \"Sheddable\"", "\"Criticality\": \"Sheddable\", \"RateLimiterPolicy\": \"few\"", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(sections, "\"Overload\": { \"RequestsInFlight\": 1 }");
        var holding = edge.Client.GetStringAsync("/hold", Wait.Deadline);
        await UntilAsync(edge, 3);
        for (var i = 0; i < 5; i++)
        {
            using var refused = await edge.Client.GetAsync("/Sheddable", Wait.Deadline);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }

        await Reload.ApplyAsync(edge, sections, "\"Overload\": { \"RequestsInFlight\": 1000, \"ThreadPoolDelay\": \"1m\" }");
        await UntilAsync(edge, 0);

        Assert.Equal("hello from upstream", await edge.Client.GetStringAsync("/Sheddable", Wait.Deadline));
        Assert.Equal("hello from upstream", await edge.Client.GetStringAsync("/Sheddable", Wait.Deadline));
        held.LetAllGo();
        await holding;
    }

    [Fact]
    public async Task A_node_that_refuses_nearly_all_for_long_says_so_and_leaves_only_where_that_is_configured()
    {
        await using var up = await Upstream.StartAsync();
        await using var held = await Held.StartAsync();
        var sections = Sections($"{up.Address} {held.Address}");
        await using var edge = await Edge.StartAsync(sections, "\"Overload\": { \"RequestsInFlight\": 1, \"ThreadPoolDelay\": \"1m\" }");
        var holding = edge.Client.GetStringAsync("/hold", Wait.Deadline);
        await UntilAsync(edge, 3);
        Assert.Equal("ok\n", await edge.Admin.GetStringAsync("/readyz"));
        await Wait.UntilAsync(
            async () => (await edge.Admin.GetStringAsync("/readyz")).StartsWith("ok, but overloaded: ", StringComparison.Ordinal),
            "readiness speaks of it");
        Assert.InRange(
            (await Scrape.OfAsync(edge))["edgeproxy_overload_most_seconds"]!.Value, Overload.Lasting.TotalSeconds, 60);

        await Reload.ApplyAsync(
            edge, sections, "\"Overload\": { \"RequestsInFlight\": 1, \"ThreadPoolDelay\": \"1m\", \"NotReadyAfter\": \"1s\" }");
        using var notReady = await edge.Admin.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, notReady.StatusCode);
        Assert.StartsWith("overloaded: ", await notReady.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        held.LetAllGo();
        await holding;
        await UntilAsync(edge, 0);
        Assert.Equal("ok\n", await edge.Admin.GetStringAsync("/readyz"));
    }

    private static async Task UntilAsync(Edge edge, int level) => await Wait.UntilAsync(async () =>
    {
        using var answer = JsonDocument.Parse(await edge.Admin.GetStringAsync("/v1/overload"));
        return answer.RootElement.GetProperty("level").GetInt32() == level;
    }, $"the overload level is {level}");
}
