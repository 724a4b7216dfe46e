using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Response transforms of a route on failures that the edge answers itself.</summary>
public sealed class RouteFieldTests
{
    private const string Transforms = """
        "Transforms": [
          { "ResponseHeader": "Access-Control-Allow-Origin", "Set": "https://app.example", "When": "Always" },
          { "ResponseHeader": "X-Failed", "Set": "yes", "When": "Failure" },
          { "ResponseHeader": "X-Fine", "Set": "yes", "When": "Success" },
          { "ResponseHeader": "X-Fine", "Set": "yes" },
          { "ResponseHeader": "Vary", "Append": "Origin", "When": "Always" },
          { "ResponseHeader": "X-Gone", "Set": "yes", "When": "Always" },
          { "ResponseHeaderRemove": "X-Gone", "When": "Always" },
          { "ResponseHeader": "Content-Type", "Set": "text/plain", "When": "Always" },
          { "ResponseHeader": "Cache-Control", "Set": "max-age=60", "When": "Always" },
          { "ResponseHeader": "Content-Length", "Set": "7", "When": "Failure" },
          { "ResponseHeader": "Proxy-Status", "Set": "other", "When": "Always" } ]
        """;

    [Theory]
    [InlineData("limit", HttpStatusCode.TooManyRequests, false)]
    [InlineData("limit", HttpStatusCode.TooManyRequests, true)]
    [InlineData("client", HttpStatusCode.Unauthorized, false)]
    [InlineData("refused", HttpStatusCode.BadGateway, false)]
    [InlineData("refused", HttpStatusCode.BadGateway, true)]
    [InlineData("none", HttpStatusCode.ServiceUnavailable, false)]
    public async Task A_failure_of_the_edge_has_the_route_s_fields_for_failures(string kind, HttpStatusCode status, bool isHttp2)
    {
        await using var edge = await Edge.StartAsync("""
            "RateLimits": { "l": { "Per": "Global", "Limits": [ { "Name": "h", "Capacity": 1, "Refill": 1, "Every": "1h" } ] } },
            """ + Edge.OneRoute("http://127.0.0.1:9/", Transforms + kind switch
        {
            "limit" => ", \"RateLimiterPolicy\": \"l\", \"Cost\": 2",
            "client" => ", \"RequireClient\": true",
            _ => "",
        }).Replace(":9/\"", kind == "none" ? ":9/\", \"State\": \"Down\"" : ":9/\"", StringComparison.Ordinal));
        using var http2 = new Http2Client(edge);
        using var answer = isHttp2 ? await http2.SendAsync(HttpMethod.Get, "/") : await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(["https://app.example"], answer.Headers.GetValues("Access-Control-Allow-Origin"));
        Assert.Equal(["yes"], answer.Headers.GetValues("X-Failed"));
        Assert.False(answer.Headers.Contains("X-Fine") || answer.Headers.Contains("X-Gone"));
        Assert.Equal(["Origin", "Accept"], answer.Headers.Vary.Order(StringComparer.Ordinal).Reverse());
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.StartsWith("edgeproxy; error=", Assert.Single(answer.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        Assert.Contains("\"code\"", await answer.Content.ReadAsStringAsync(Wait.Deadline), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_normalised_failure_has_them_once()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 500 No\r\nVary: X\r\nContent-Length: 2\r\n\r\nno");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, "\"NormalizeUpstreamErrors\": \"NonConforming\", \"Transforms\": [ "
                + "{ \"ResponseHeader\": \"X-Failed\", \"Append\": \"yes\", \"When\": \"Always\" } ]"));
        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal(["yes"], answer.Headers.GetValues("X-Failed"));
    }
}
