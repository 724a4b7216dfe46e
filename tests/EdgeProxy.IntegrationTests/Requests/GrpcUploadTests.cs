using System.Net;
using System.Net.Http.Headers;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Requests;

/// <summary>A gRPC stream has no bound on its size. A content type alone is no gRPC stream.</summary>
public sealed class GrpcUploadTests
{
    private const int Bound = 1000;
    private const int Sent = 400_000;
    private const string Http2Cluster = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";

    [Theory]
    [InlineData("application/grpc", false, "", false)]
    [InlineData("application/grpc+proto", false, "\"Retry\": { \"Attempts\": 2 }", false)]
    [InlineData("application/grpc-web", false, "", false)]
    [InlineData("application/grpc-web+proto", true, "", false)]
    [InlineData("application/octet-stream", true, "", false)]
    [InlineData("application/grpc", true, "", true)]
    [InlineData("application/grpc", true, "\"Retry\": { \"Attempts\": 2 }", true)]
    [InlineData("application/grpc", false, "\"MaxRequestBodySize\": -1", true)]
    public async Task A_content_type_of_gRPC_lifts_the_bound_toward_HTTP2_alone(string type, bool http2, string route, bool isLifted)
    {
        var received = 0L;
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                var buffer = new byte[65536];
                int count;
                while ((count = await context.Request.Body.ReadAsync(buffer)) > 0)
                {
                    Interlocked.Add(ref received, count);
                }

                await context.Response.WriteAsync("taken");
            },
            http2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, route, http2 ? Http2Cluster : ""), $"\"Requests\": {{ \"BodyBytes\": {Bound} }}");
        using var client = new Http2Client(edge);

        using var body = new StreamContent(new MemoryStream(new byte[Sent]));
        body.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        body.Headers.ContentLength = null;
        using var response = await client.SendAsync(HttpMethod.Post, "/", body);

        if (isLifted)
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("taken", await response.Content.ReadAsStringAsync(Wait.Deadline));
            Assert.Equal(Sent, Volatile.Read(ref received));
            return;
        }

        var status = Assert.Single(response.Headers.GetValues("Proxy-Status"));
        Assert.EndsWith("; details=\"body_too_large\"", status, StringComparison.Ordinal);
        Assert.InRange(Volatile.Read(ref received), 0, 70_000); // what one read of the edge takes from its client
    }

    [Theory]
    [InlineData("1.0")]
    [InlineData("1.1")]
    public async Task A_content_type_of_gRPC_lifts_nothing_on_HTTP_1(string version)
    {
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync("taken"), HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, cluster: Http2Cluster), $"\"Requests\": {{ \"BodyBytes\": {Bound} }}");

        var answer = await RawClient.ExchangeAsync(
            edge.Uri, $"POST / HTTP/{version}\r\nHost: e\r\nContent-Type: application/grpc\r\nContent-Length: {Sent}\r\n\r\n");

        Assert.Contains("; details=\"body_too_large\"\r\n", answer.Text, StringComparison.Ordinal);
        Assert.Equal(0, upstream.Hits);
    }
}
