using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;
using static EdgeProxy.IntegrationTests.Shedding.Bounded;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>How many requests a route and a cluster have at once, and what the others are told.</summary>
public sealed class ConcurrencyTests
{
    [Theory]
    [InlineData("route")]
    [InlineData("cluster")]
    [InlineData("destination")]
    public async Task One_more_than_may_be_under_way_is_refused_at_once_and_told_when_to_come_back(string level)
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            held.Address, level == "route" ? One : "",
            level == "cluster" ? One : level == "destination" ? "\"Concurrency\": { \"MaxPerDestination\": 1 }" : ""));
        var first = edge.Client.GetStringAsync("/", Wait.Deadline);
        await held.UntilInsideAsync(1);

        using var second = await edge.Client.GetAsync("/", Wait.Deadline);
        held.LetOneGo();

        Assert.Equal("held", await first);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "concurrency_limit"), (second.StatusCode, CodeOf(second)));
        Assert.Equal(TimeSpan.FromSeconds(1), second.Headers.RetryAfter!.Delta);
        Assert.Contains(
            "error=connection_limit_reached", Assert.Single(second.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        held.LetAllGo();
        Assert.Equal("held", await edge.Client.GetStringAsync("/", Wait.Deadline));
        Assert.Equal((1, 2), (held.Most, held.Hits));
    }

    [Fact]
    public async Task Over_HTTP_2_and_gRPC_it_is_said_in_their_way()
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(held.Address, One), listen: Edge.Http2Only);
        using var client = new Http2Client(edge);
        var first = client.SendAsync(HttpMethod.Get, "/");
        await held.UntilInsideAsync(1);

        using var plain = await client.SendAsync(HttpMethod.Get, "/");
        using var call = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
        using var grpc = await client.SendAsync(HttpMethod.Post, "/", call);
        held.LetAllGo();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "concurrency_limit"), (plain.StatusCode, CodeOf(plain)));
        Assert.Equal((HttpStatusCode.OK, "14"), (grpc.StatusCode, Assert.Single(grpc.Headers.GetValues("grpc-status"))));
        Assert.Equal("concurrency_limit", Assert.Single(grpc.Headers.GetValues("edge-error-code")));
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
    }

    [Fact]
    public async Task A_WebSocket_and_an_answer_that_goes_on_count_until_they_end()
    {
        await using var echo = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(echo.Address, One));
        using (var socket = await WebSocketPeers.ConnectAsync(edge))
        {
            await WebSocketPeers.SendAsync(socket, "hi");
            await WebSocketPeers.ReceiveAsync(socket);
            Assert.Equal("concurrency_limit", CodeOf(await edge.Client.GetAsync("/ws", Wait.Deadline)));
            await UntilAsync(edge, isRoute: true, used: 1, queued: 0);
        }

        await UntilAsync(edge, isRoute: true, used: 0, queued: 0);
        var end = new TaskCompletionSource();
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            await end.Task;
        });
        await using var other = await Edge.StartAsync(Edge.OneRoute(slow.Address, cluster: One));
        using var answer = await other.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        Assert.Equal("concurrency_limit", CodeOf(await other.Client.GetAsync("/", Wait.Deadline)));
        end.SetResult();
        Assert.Equal("begun", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        await UntilAsync(other, isRoute: false, used: 0, queued: 0);
    }
}
