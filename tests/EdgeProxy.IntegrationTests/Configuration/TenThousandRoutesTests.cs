using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>Very many routes: each one answers for itself, and a reload of all of them fails no request.</summary>
public sealed class TenThousandRoutesTests
{
    private const int Count = 10_000;

    [Fact]
    public async Task Each_of_ten_thousand_routes_goes_its_own_way_before_during_and_after_a_reload()
    {
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync(context.Request.Path.Value!));
        await using var edge = await Edge.StartAsync(Routes(upstream.Address, "old"));
        var revisions = edge.Services.GetRequiredService<Revisions>();
        var before = revisions.Current;
        for (var i = 0; i < Count; i += 97)
        {
            Assert.Equal($"/old-{i}/x/{i}", await edge.Client.GetStringAsync($"/route-{i}/{i}"));
        }

        await File.WriteAllTextAsync(Path.Combine(edge.Folder, "edgeproxy.json"), Edge.Document(Routes(upstream.Address, "new")));
        var (asked, turned) = (0, 0);
        await Wait.UntilAsync(
            async () =>
            {
                var i = (asked++ * 7919) % Count;
                using var answer = await edge.Client.GetAsync($"/route-{i}/{i}");
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                var path = await answer.Content.ReadAsStringAsync();
                turned += path == $"/new-{i}/x/{i}" ? 1 : 0;
                Assert.Equal(turned > 0 ? $"/new-{i}/x/{i}" : $"/old-{i}/x/{i}", path); // once it has turned it stays turned
                return turned >= 20;
            },
            "the new routes serve");

        Assert.NotSame(before, revisions.Current);
        for (var i = 0; i < Count; i += 97)
        {
            Assert.Equal($"/new-{i}/x/{i}", await edge.Client.GetStringAsync($"/route-{i}/{i}"));
        }

        Assert.Equal(HttpStatusCode.NotFound, (await edge.Client.GetAsync($"/route-{Count}/x")).StatusCode);
    }

    private static string Routes(string destination, string prefix)
    {
        var routes = Enumerable.Range(0, Count).Select(i => $$"""
            "r{{i}}": { "ClusterId": "up", "Match": { "Path": "/route-{{i}}/{rest}" },
                        "Transforms": [ { "PathPattern": "/{{prefix}}-{{i}}/x/{rest}" } ] }
            """);
        return $$"""
            "ReverseProxy": { "Routes": { {{string.Join(',', routes)}} },
                              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{destination}}" } } } } }
            """;
    }
}
