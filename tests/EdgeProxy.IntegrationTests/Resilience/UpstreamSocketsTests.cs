using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.IntegrationTests.Shedding;
using EdgeProxy.Resilience;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Connections to destinations stay within the process's share of descriptors, over all clusters.</summary>
public sealed class UpstreamSocketsTests
{
    private const int Most = 4;

    [Fact]
    public async Task Idle_connections_of_other_clusters_make_room()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var c = await Held.StartAsync();
        await using var edge = await StartAsync(a, b, c);
        for (var round = 0; round < 2; round++)
        {
            foreach (var (path, held) in new[] { ("/a", a), ("/b", b), ("/c", c) })
            {
                await FillAsync(edge, path, held);
            }
        }

        Assert.InRange(edge.Services.GetRequiredService<UpstreamSockets>().Open, 1, Most);
    }

    [Fact]
    public async Task Without_an_idle_connection_a_request_is_refused_and_no_breaker_counts_it()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var c = await Held.StartAsync();
        await using var edge = await StartAsync(a, b, c);
        using var readings = new Readings(edge);
        var held = Enumerable.Range(0, Most).Select(_ => edge.Client.GetAsync("/a")).ToList();
        await a.UntilInsideAsync(Most);

        for (var i = 0; i < 12; i++)
        {
            using var refused = await edge.Client.GetAsync("/b");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("\"sockets_exhausted\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(12, readings["edgeproxy_attempts_total{cluster=b,outcome=edge_exhausted}"]);
        a.LetAllGo();
        foreach (var answer in await Task.WhenAll(held))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        b.LetAllGo();
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/b")).StatusCode); // not cut off
    }

    [Fact]
    public async Task An_answer_under_way_is_not_cut_when_idle_connections_are_closed()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await context.Response.Body.WriteAsync("first "u8.ToArray());
            await context.Response.Body.FlushAsync();
            if (context.Request.Path == "/a/slow")
            {
                await go.Task;
            }

            await context.Response.Body.WriteAsync("last"u8.ToArray());
        });
        await using var other = await Upstream.StartAsync("other");
        await using var edge = await StartAsync(slow.Address, other.Address, other.Address);
        var answer = await edge.Client.GetAsync("/a/slow", HttpCompletionOption.ResponseHeadersRead);
        await Task.WhenAll(Enumerable.Range(0, Most - 1).Select(_ => edge.Client.GetStringAsync("/a")));

        Assert.Equal("other", await edge.Client.GetStringAsync("/b"));
        Assert.Equal("other", await edge.Client.GetStringAsync("/c"));
        go.SetResult();
        Assert.Equal("first last", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_leaked_connection_to_the_admin_listener_gives_way_and_keeps_nobody_out()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        edge.Services.GetRequiredService<Descriptors>().Share(new Descriptors.Shares(Clients: 100, Destinations: 100, Admin: 2));
        var admin = edge.Admin.BaseAddress!;
        var leaked = new List<RawClient>();
        for (var i = 0; i < 10; i++)
        {
            leaked.Add(await RawClient.OpenAsync(admin)); // says nothing
        }

        using var probe = new HttpClient { BaseAddress = admin };
        Assert.Equal("ok\n", await probe.GetStringAsync("/livez"));
        leaked.ForEach(one => one.Dispose());
    }

    private static async Task FillAsync(Edge edge, string path, Held held)
    {
        var requests = Enumerable.Range(0, Most).Select(_ => edge.Client.GetAsync(path)).ToList();
        await held.UntilInsideAsync(Most);
        for (var i = 0; i < Most; i++)
        {
            held.LetOneGo();
        }

        foreach (var answer in await Task.WhenAll(requests))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            answer.Dispose();
        }
    }

    private static Task<Edge> StartAsync(Held a, Held b, Held c) => StartAsync(a.Address, b.Address, c.Address);

    private static async Task<Edge> StartAsync(string a, string b, string c)
    {
        var edge = await Edge.StartAsync($$$"""
            "ReverseProxy": {
              "Routes": {
                "a": { "ClusterId": "a", "Match": { "Path": "/a/{**rest}" } },
                "b": { "ClusterId": "b", "Match": { "Path": "/b/{**rest}" } },
                "c": { "ClusterId": "c", "Match": { "Path": "/c/{**rest}" } }
              },
              "Clusters": {
                "a": { "Destinations": { "d": { "Address": "{{{a}}}" } } },
                "b": { "Destinations": { "d": { "Address": "{{{b}}}" } } },
                "c": { "Destinations": { "d": { "Address": "{{{c}}}" } } }
              }
            }
            """);
        edge.Services.GetRequiredService<Descriptors>().Share(new Descriptors.Shares(Clients: 100, Destinations: Most, Admin: 10));
        return edge;
    }
}
