using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>HTTP/2 by prior knowledge, with clients that others wrote.</summary>
public sealed class Http2Tests
{
    [Fact]
    public async Task A_client_in_a_drain_sees_GOAWAY_and_its_open_stream_ends_well()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("first ");
            begun.SetResult();
            await release.Task;
            await context.Response.WriteAsync("last");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        var talk = RunAsync("nghttp", "-v", "--no-dep", edge.Address + "/");
        await begun.Task.WaitAsync(Wait.Patience);

        var stopping = edge.StopAsync(TimeSpan.FromSeconds(60));
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Wait.Deadline); // past the idle grace
        Assert.False(stopping.IsCompleted);
        release.SetResult();

        var frames = await talk;
        Assert.Contains("recv GOAWAY frame", frames);
        Assert.Contains("NO_ERROR", frames);
        Assert.Contains("last", frames);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Curl_speaks_HTTP_2_with_a_server_that_speaks_HTTP_1_1()
    {
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync(context.Request.Protocol));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        var answer = await RunAsync("curl", "-s", "--http2-prior-knowledge", "-w", " to %{http_version}", edge.Address + "/");
        Assert.Equal("HTTP/1.1 to 2", answer);
    }

    [Fact]
    public async Task A_WebSocket_over_HTTP_2_reaches_a_server_that_speaks_HTTP_1_1()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var client = await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker);

        await WebSocketPeers.SendAsync(client, "over two");
        Assert.Equal("over two"u8.ToArray(), (await WebSocketPeers.ReceiveAsync(client)).Bytes);
        await client.CloseAsync((WebSocketCloseStatus)4001, "done", Wait.Deadline);
        Assert.Equal((WebSocketCloseStatus)4001, client.CloseStatus);
    }

    [Fact]
    public async Task A_WebSocket_over_HTTP_2_is_closed_with_1011_when_its_upstream_crashes_and_with_1001_in_a_drain()
    {
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(WebSocketPeers.ServerFrame(0x81, "hello"));
            if ((await connection.ReadExactlyAsync(8))[0] != 0x88)
            {
                connection.Reset();
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), listen: Edge.Http2Only);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var crashed = await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker);
        using var drained = await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker);
        await WebSocketPeers.ReceiveAsync(crashed);
        await WebSocketPeers.ReceiveAsync(drained);

        await WebSocketPeers.SendAsync(crashed, "go");
        await WebSocketPeers.ReceiveAsync(crashed);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, crashed.CloseStatus);

        var stopping = edge.StopAsync(TimeSpan.FromMinutes(10));
        await WebSocketPeers.ReceiveAsync(drained);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, drained.CloseStatus);
        await drained.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, null, Wait.Deadline);
        await crashed.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
        await stopping.WaitAsync(Wait.Patience);
    }

    private static async Task<string> RunAsync(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true })!;
        try
        {
            return await process.StandardOutput.ReadToEndAsync(Wait.Deadline);
        }
        finally
        {
            await process.EndAsync();
        }
    }
}
