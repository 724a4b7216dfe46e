using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>A destination that answers while the body is on its way is heard by clients of HTTP/2 too, and ends one stream.</summary>
public sealed class Http2EarlyAnswerTests
{
    [Theory]
    [InlineData("413 Content Too Large", "ReadsOn")]
    [InlineData("413 Content Too Large", "StopsReading")]
    [InlineData("413 Content Too Large", "Closes")]
    [InlineData("401 Unauthorized", "ReadsOn")]
    [InlineData("401 Unauthorized", "Closes")]
    public async Task From_HTTP_1_1_it_reaches_a_client_that_uploads_on(string status, string manner)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (!head.StartsWith("POST", StringComparison.Ordinal))
                {
                    await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
                    continue;
                }

                await connection.SendAsync($"HTTP/1.1 {status}\r\nContent-Length: 10\r\nX-From: upstream\r\n\r\nno, thanks");
                await (manner switch
                {
                    "ReadsOn" => connection.DrainAsync(),
                    "StopsReading" => connection.StayAsync(),
                    _ => Task.CompletedTask,
                });
                return;
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        await ExpectAsync(edge, int.Parse(status.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(413)]
    [InlineData(401)]
    public async Task From_HTTP_2_it_reaches_a_client_that_uploads_on(int status)
    {
        await using var upstream = await Upstream.StartAsync(
            context =>
            {
                context.Response.StatusCode = HttpMethods.IsPost(context.Request.Method) ? status : 200;
                context.Response.Headers["X-From"] = "upstream";
                return context.Response.WriteAsync(HttpMethods.IsPost(context.Request.Method) ? "no, thanks" : "fine");
            },
            HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster:
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));

        await ExpectAsync(edge, status);
    }

    [Theory]
    [InlineData("application/grpc", 200)]
    [InlineData("text/plain", 502)]
    public async Task An_early_answer_that_is_refused_gets_the_shape_of_all_errors(string contentType, int status)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n");
            await connection.DrainAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = new Http2Client(edge);

        var body = new EndlessBody(16_384, TimeSpan.Zero);
        body.Headers.ContentType = new(contentType);
        using var answer = await client.SendAsync(HttpMethod.Post, "/", body);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.EndsWith("; details=\"upstream_protocol_error\"",
            Assert.Single(answer.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        var text = await answer.Content.ReadAsStringAsync(Wait.Deadline);
        if (status == 200)
        {
            Assert.Equal("13", Assert.Single(answer.Headers.GetValues("grpc-status")));
            Assert.Empty(text);
        }
        else
        {
            Assert.Contains("\"code\":\"upstream_protocol_error\"", text, StringComparison.Ordinal);
        }
    }

    private static async Task ExpectAsync(Edge edge, int status)
    {
        using var client = new Http2Client(edge);
        for (var round = 0; round < 3; round++)
        {
            using var answer = await client.SendAsync(HttpMethod.Post, "/", new EndlessBody(16_384, TimeSpan.Zero));
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal("upstream", Assert.Single(answer.Headers.GetValues("X-From")));
            Assert.False(answer.Headers.Contains("Proxy-Status"));
            Assert.Equal("no, thanks", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        }

        using var beside = await client.SendAsync(HttpMethod.Get, "/");
        Assert.Equal(HttpStatusCode.OK, beside.StatusCode);
        Assert.Equal("fine", await beside.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, client.Connections);
    }
}
