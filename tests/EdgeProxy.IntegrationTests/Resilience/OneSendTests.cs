using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Nothing below the edge sends a request twice on its own.</summary>
public sealed class OneSendTests
{
    private const string Hello = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    public static TheoryData<string, string?, bool> Requests() => new()
    {
        { "GET", null, false },
        { "HEAD", null, false },
        { "OPTIONS", null, false },
        { "DELETE", null, false },
        { "PUT", null, false },
        { "POST", null, false },
        { "PATCH", null, false },
        { "PROPFIND", null, false },
        { "POST", "body", false },
        { "POST", "body", true },
        { "PUT", "body", false },
        { "PUT", "body", true },
        { "DELETE", "body", true },
        { "GET", "body", false },
    };

    [Theory, MemberData(nameof(Requests))]
    public async Task A_fresh_connection_that_closes_without_a_byte_has_seen_the_request_once(string method, string? body, bool chunked)
    {
        await using var upstream = RawUpstream.Start(connection => connection.ReadHeadAsync());
        await FailsAfterOneSendAsync(upstream, method, body, chunked);
    }

    [Theory, MemberData(nameof(Requests))]
    public async Task A_fresh_connection_that_is_reset_has_seen_the_request_once(string method, string? body, bool chunked)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            connection.Reset();
        });
        await FailsAfterOneSendAsync(upstream, method, body, chunked);
    }

    [Theory, InlineData("GET"), InlineData("HEAD"), InlineData("OPTIONS"), InlineData("PUT"), InlineData("DELETE")]
    public async Task An_idempotent_request_is_tried_once_more_when_a_reused_connection_closes(string method)
    {
        await using var upstream = RawUpstream.Start(ClosesAfterTheFirstAnswer);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        await edge.Client.GetStringAsync("/warm-up");

        using var request = new HttpRequestMessage(new HttpMethod(method), "/again");
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.SendAsync(request)).StatusCode);
        Assert.Equal(2, upstream.Heads.Count(head => head.Contains("/again")));
        Assert.Equal(2, upstream.Connections);
        Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=stale_connection}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=closed}"]);
        Assert.Equal(2, readings["edgeproxy_attempts_total{cluster=up,outcome=ok}"]);
    }

    [Theory]
    [InlineData("POST", null)]
    [InlineData("PATCH", null)]
    [InlineData("POST", "body")]
    [InlineData("PUT", "body")]
    public async Task Another_request_is_not_tried_again_on_a_reused_connection_either(string method, string? body)
    {
        await using var upstream = RawUpstream.Start(ClosesAfterTheFirstAnswer);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await edge.Client.GetStringAsync("/warm-up");

        using var request = new HttpRequestMessage(new HttpMethod(method), "/once");
        request.Content = body is null ? null : new StringContent(body);
        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.SendAsync(request)).StatusCode);
        Assert.Single(upstream.Heads, head => head.Contains("/once"));
    }

    [Fact]
    public async Task The_second_attempt_is_the_last_one()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            if (await connection.ReadHeadAsync() is { } first && first.Contains("/warm-up"))
            {
                await connection.SendAsync(Hello);
                await connection.ReadHeadAsync();
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await edge.Client.GetStringAsync("/warm-up");

        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/twice")).StatusCode);
        Assert.Equal(2, upstream.Heads.Count(head => head.Contains("/twice")));
    }

    private static async Task ClosesAfterTheFirstAnswer(RawConnection connection)
    {
        if (await connection.ReadHeadAsync() is { } head)
        {
            var answer = head.StartsWith("HEAD", StringComparison.Ordinal) ? Hello[..^2] : Hello;
            await connection.SendAsync(answer);
            await connection.ReadHeadAsync(); // the next request is read, and not answered
        }
    }

    private static async Task FailsAfterOneSendAsync(RawUpstream upstream, string method, string? body, bool chunked)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var readings = new Readings(edge);
        using var request = new HttpRequestMessage(new HttpMethod(method), "/");
        request.Content = body is null ? null : new StringContent(body);
        request.Headers.TransferEncodingChunked = chunked ? true : null;

        var answer = await edge.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        if (method != "HEAD")
        {
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal("upstream_connection_reset", problem.RootElement.GetProperty("code").GetString());
        }

        Assert.Single(upstream.Heads);
        Assert.Equal(1, upstream.Connections);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=closed}"]);
    }
}
