using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests;

/// <summary>The thin whole: a request is proxied, refused, or failed upstream.</summary>
public sealed class SkeletonTests
{
    private const string FivePerHour = """
        "RateLimits": { "standard": { "Limits": [ { "Name": "burst", "Capacity": 5, "Refill": 1, "Every": "3600s" } ] } },
        """;

    [Fact]
    public async Task A_request_reaches_the_upstream_of_its_route()
    {
        await using var upstream = await Upstream.StartAsync("hi");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        Assert.Equal("hi", await edge.Client.GetStringAsync("/anything"));
        Assert.Equal(1, upstream.Hits);
    }

    [Fact]
    public async Task A_request_beyond_the_limit_is_refused_and_reaches_no_upstream()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(FivePerHour + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"standard\""));

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);
        }

        var refused = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(5, upstream.Hits);
    }

    [Fact]
    public async Task A_dead_upstream_is_a_502_in_the_one_error_format()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));

        var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("upstream_connection_refused", problem.GetProperty("code").GetString());
    }
}
