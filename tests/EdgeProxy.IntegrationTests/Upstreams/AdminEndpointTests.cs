using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>No route leads to the admin listener.</summary>
public sealed class AdminEndpointTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("localhost")]
    [InlineData("[::ffff:127.0.0.1]")]
    public async Task A_destination_that_is_the_admin_listener_is_not_connected_to(string host)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        await Reload.ApplyAsync( // port 0 is what is configured, so that the check of the files sees nothing
            edge, Edge.OneRoute($"http://{host}:{edge.Admin.BaseAddress!.Port}/", "\"Retry\": { \"Attempts\": 3 }"));

        foreach (var _ in Enumerable.Range(0, 8))
        {
            var answer = await RawClient.ExchangeAsync(edge.Uri, "GET /v1/config HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            Assert.Equal((502, "destination_prohibited"), (answer.Status, answer.Code)); // and no breaker opens for it
        }
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("Forwarded", "for=203.0.113.7")]
    [InlineData("Via", "1.1 proxy")]
    public async Task The_admin_listener_without_a_token_refuses_what_came_through_a_proxy(string field, string value)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        edge.Admin.DefaultRequestHeaders.TryAddWithoutValidation(field, value);

        using var refused = await edge.Admin.GetAsync("/v1/config", Wait.Deadline);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        foreach (var path in new[] { "/livez", "/readyz", "/metrics" })
        {
            using var open = await edge.Admin.GetAsync(path, Wait.Deadline);
            Assert.Equal(HttpStatusCode.OK, open.StatusCode);
        }
    }

    [Fact]
    public async Task With_a_token_a_proxy_may_stand_before_the_admin_listener()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"), token: "s3cret-s3cret-s3cret");
        edge.Admin.DefaultRequestHeaders.Authorization = new("Bearer", "s3cret-s3cret-s3cret");
        edge.Admin.DefaultRequestHeaders.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.7");

        using var answer = await edge.Admin.GetAsync("/v1/config", Wait.Deadline);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
