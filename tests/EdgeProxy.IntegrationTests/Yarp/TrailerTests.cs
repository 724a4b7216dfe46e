using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>Trailers of a destination: none in the edge's own name, and none that may not be a trailer.</summary>
public sealed class TrailerTests
{
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";

    private static readonly (string Name, string Value)[] Unwanted =
    [
        ("x-request-id", "forged-forged"), ("x-edge-decision", "{}"), ("x-edge-fallback", "stale"), ("x-edge-attempt-count", "9"),
        ("proxy-status", "edgeproxy; error=connection_refused"), ("set-cookie", "a=b"), ("content-length", "99"), ("content-type", "a/b"),
        ("content-encoding", "gzip"), ("authorization", "Basic forged"), ("cache-control", "public"), ("location", "/elsewhere"),
        ("host", "elsewhere"), ("ratelimit", "\"l\";r=0"),
    ];

    [Theory]
    [InlineData("")]
    [InlineData("{ \"ResponseTrailersAllowed\": \"X-Fine;X-Request-Id;Set-Cookie;Proxy-Status;Content-Length;ETag\" }")]
    [InlineData("{ \"ResponseTrailersCopy\": \"false\" },"
        + " { \"ResponseTrailer\": \"X-Fine\", \"Append\": \"2\", \"When\": \"Always\" },"
        + " { \"ResponseTrailer\": \"X-Request-Id\", \"Append\": \"own\", \"When\": \"Always\" }")]
    public async Task Trailers_that_only_the_edge_or_a_head_may_have_end_at_the_edge(string transforms)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("hi");
            foreach (var (name, value) in Unwanted)
            {
                context.Response.AppendTrailer(name, value);
            }

            context.Response.AppendTrailer("x-fine", "1");
            context.Response.AppendTrailer("etag", "\"1\"");
        }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync("""
            "RateLimits": { "l": { "Limits": [ { "Name": "h", "Capacity": 9, "Refill": 9, "Every": "1h" } ] } },
            """ + Edge.OneRoute(upstream.Address, $"\"RateLimiterPolicy\": \"l\", \"Transforms\": [ {transforms} ]", Http2));
        using var client = new Http2Client(edge);
        using var answer = await client.SendAsync(HttpMethod.Get, "/");

        Assert.Equal("hi", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        var trailers = answer.TrailingHeaders.NonValidated;
        var all = string.Join('\n', trailers.Select(field => $"{field.Key}: {field.Value}"));
        Assert.All(Unwanted, field => Assert.DoesNotContain(field.Value, all, StringComparison.Ordinal));
        Assert.Contains("x-fine: 1", all, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Behind_chunks_of_HTTP_1_they_end_at_the_edge_too()
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Fine: 1\r\nX-Request-Id: forged-forged\r\n"
            + "X-Edge-Fallback: stale\r\nSet-Cookie: a=b\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = new Http2Client(edge);
        using var answer = await client.SendAsync(HttpMethod.Get, "/");

        Assert.Equal("hi", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(["X-Fine"], answer.TrailingHeaders.NonValidated.Select(field => field.Key), StringComparer.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Another_proxy_s_status_is_a_trailer_that_passes()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("hi");
            context.Response.AppendTrailer("proxy-status", "inner; error=http_response_incomplete");
        }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2));
        using var client = new Http2Client(edge);
        using var answer = await client.SendAsync(HttpMethod.Get, "/");
        await answer.Content.ReadAsStringAsync(Wait.Deadline);
        Assert.Equal("inner; error=http_response_incomplete", answer.TrailingHeaders.NonValidated["proxy-status"].ToString());
    }
}
