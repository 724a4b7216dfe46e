using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Draining;

/// <summary>What SIGTERM sets going: what is under way ends well, nothing new begins, only leftovers are cut.</summary>
public sealed class DrainTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_request_under_way_finishes_while_new_connections_are_refused_and_readiness_says_no()
    {
        await using var upstream = await Upstream.StartAsync(HoldAsync);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await _begun.Task;

        var stopping = edge.StopAsync(Long);
        using var readiness = await edge.Admin.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, readiness.StatusCode);
        Assert.Equal("draining\n", await readiness.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await edge.Admin.GetAsync("/livez")).StatusCode);
        await RefusedAsync(edge);
        Assert.False(stopping.IsCompleted);

        _release.SetResult();
        Assert.Contains("\r\nConnection: close\r\n", await client.ReadHeadAsync());
        Assert.Equal(new RawAnswer("d\r\nheld and done\r\n0\r\n\r\n", WasReset: false), await client.ReadToEndAsync());
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_request_on_a_connection_that_was_open_already_is_served_and_told_to_close()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        const string Request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
        await client.SendAsync(Request);
        Assert.DoesNotContain("Connection: close", await client.ReadUntilAsync("\r\n0\r\n\r\n"));

        var stopping = edge.StopAsync(Long);
        await RefusedAsync(edge);
        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Wait.Deadline); // well within the grace
        await client.SendAsync(Request);

        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head);
        Assert.False((await client.ReadToEndAsync()).WasReset);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task An_error_on_a_connection_that_was_open_already_is_told_to_close_too()
    {
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute("http://127.0.0.1:1/").Replace("/{**rest}", "/only", StringComparison.Ordinal));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("HEAD /none HTTP/1.1\r\nHost: test\r\n\r\n");
        Assert.DoesNotContain("Connection: close", await client.ReadHeadAsync());

        var stopping = edge.StopAsync(Long);
        await RefusedAsync(edge);
        await client.SendAsync("HEAD /none HTTP/1.1\r\nHost: test\r\n\r\n");

        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 404 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task An_upgrade_on_a_connection_that_was_open_already_says_upgrade_and_not_close()
    {
        await using var upstream = WebSocketPeers.RawUpstream(connection => connection.StayAsync());
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET /");

        var stopping = edge.StopAsync(Long);
        await RefusedAsync(edge);
        await client.SendAsync(
            " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: Upgrade\r\n", head);
        client.Dispose();
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task An_idle_connection_does_not_hold_the_drain_up()
    {
        await using var upstream = await Upstream.StartAsync("hello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await client.ReadUntilAsync("\r\n0\r\n\r\n");

        var stopping = edge.StopAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(new RawAnswer("", WasReset: false), await client.ReadToEndAsync());
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_download_and_an_upload_under_way_go_on_to_their_end()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (HttpMethods.IsGet(context.Request.Method))
            {
                await context.Response.WriteAsync("data: 1\n\n");
                await _release.Task;
                await context.Response.WriteAsync("data: 2\n\n");
                return;
            }

            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync(body.Length.ToString(null, null));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var download = await RawClient.OpenAsync(edge.Uri);
        await download.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await download.ReadUntilAsync("data: 1\n\n\r\n");
        using var upload = await RawClient.OpenAsync(edge.Uri);
        await upload.SendAsync("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
        await Wait.UntilAsync(() => upstream.Hits == 2, "both requests are under way");

        var stopping = edge.StopAsync(Long);
        await RefusedAsync(edge);
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Wait.Deadline); // past the idle grace
        await upload.SendAsync("67890");
        Assert.Contains("\r\n\r\n2\r\n10\r\n0\r\n", (await upload.ReadToEndAsync()).Text);
        _release.SetResult();
        Assert.Equal(new RawAnswer("9\r\ndata: 2\n\n\r\n0\r\n\r\n", WasReset: false), await download.ReadToEndAsync());
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Only_what_is_left_at_the_deadline_is_cut()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("begun");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        await client.ReadUntilAsync("begun\r\n");

        var started = TimeProvider.System.GetTimestamp();
        var stopping = edge.StopAsync(TimeSpan.FromSeconds(3));
        Assert.Equal(new RawAnswer("", WasReset: true), await client.ReadToEndAsync());
        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalSeconds, 2.9, 30);
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_slow_client_of_the_admin_listener_does_not_hold_the_end_up()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await RawClient.OpenAsync(edge.Admin.BaseAddress!);
        await client.SendAsync("POST /v1/config/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            + "Expect: 100-continue\r\nContent-Type: application/json\r\n\r\n");
        await client.ReadUntilAsync("100 Continue\r\n\r\n"); // the check is reading
        await client.SendAsync("{");

        var started = TimeProvider.System.GetTimestamp();
        await edge.StopAsync(TimeSpan.Zero);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalSeconds, 0, 20); // the host's own patience is 30 s
        await client.ReadToEndAsync();
    }

    private static async Task RefusedAsync(Edge edge) => await Wait.UntilAsync(async () =>
    {
        try
        {
            using var late = await RawClient.OpenAsync(edge.Uri);
            return false;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }, "new connections are refused");

    private async Task HoldAsync(HttpContext context)
    {
        _begun.TrySetResult();
        await _release.Task;
        await context.Response.WriteAsync("held and done");
    }
}
