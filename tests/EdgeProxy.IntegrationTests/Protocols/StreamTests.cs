using System.Net.WebSockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>Server-sent events, and how long a stream may be quiet.</summary>
public sealed class StreamTests
{
    private const string OneSecond = """ "HttpRequest": { "ActivityTimeout": "00:00:01" } """;

    [Fact]
    public async Task Each_event_arrives_when_it_is_sent()
    {
        using var sent = new SemaphoreSlim(0);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 5; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await sent.WaitAsync(context.RequestAborted);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");

        Assert.Contains("Content-Type: text/event-stream\r\n", await client.ReadHeadAsync());
        for (var i = 0; i < 5; i++)
        {
            await client.ReadUntilAsync($"data: {i}\n\n"); // the upstream sends the next one only after this
            sent.Release();
        }

        Assert.EndsWith("0\r\n\r\n", await client.ReadUntilAsync("0\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_goes_away_cancels_the_upstream()
    {
        var cancelled = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("data: 1\n\n");
            using var gone = context.RequestAborted.Register(() => cancelled.TrySetResult());
            await cancelled.Task;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        await client.ReadUntilAsync("data: 1\n\n");

        client.Reset();
        await cancelled.Task.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_quiet_stream_is_cut_where_the_client_can_see_it()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("data: 1\n\n");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: OneSecond));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
        await client.ReadUntilAsync("data: 1\n\n\r\n");
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_lively_stream_outlives_the_activity_timeout()
    {
        await using var upstream = await Upstream.StartAsync(context => TickAsync(
            tick => context.Response.WriteAsync($"data: {tick}\n\n", context.RequestAborted)));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: OneSecond));
        Assert.Contains("data: 19\n\n", await edge.Client.GetStringAsync("/"));
    }

    [Fact]
    public async Task A_quiet_WebSocket_is_closed_and_says_why()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: OneSecond));
        using var client = await WebSocketPeers.ConnectAsync(edge);
        Assert.Equal(WebSocketMessageType.Close, (await WebSocketPeers.ReceiveAsync(client)).Type);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, client.CloseStatus);
        Assert.Equal("upstream_idle_timeout", client.CloseStatusDescription);
    }

    [Fact]
    public async Task A_lively_WebSocket_outlives_the_activity_timeout()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: OneSecond));
        using var client = await WebSocketPeers.ConnectAsync(edge);
        await TickAsync(async _ =>
        {
            await WebSocketPeers.SendAsync(client, "tick");
            Assert.Equal(WebSocketMessageType.Text, (await WebSocketPeers.ReceiveAsync(client)).Type);
        });
    }

    /// <summary>Twenty ticks in two seconds, twice the timeout.</summary>
    private static async Task TickAsync(Func<int, Task> tick)
    {
        for (var i = 0; i < 20; i++)
        {
            await tick(i);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Wait.Deadline);
        }
    }
}
