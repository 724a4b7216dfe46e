using System.Net.WebSockets;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Draining;

/// <summary>A WebSocket has no last request to wait for: during a drain it is closed in its own words, on both sides.</summary>
public sealed class WebSocketDrainTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);
    private static readonly byte[] GoingAway = [0x88, 10, 0x03, 0xE9, .. "draining"u8];

    [Fact]
    public async Task Client_and_upstream_both_get_close_1001_and_the_drain_does_not_wait_for_its_deadline()
    {
        var seen = new TaskCompletionSource<WebSocketCloseStatus?>();
        await using var upstream = await WebSocketPeers.UpstreamAsync(async (socket, _) =>
        {
            await WebSocketPeers.SendAsync(socket, "hello");
            await WebSocketPeers.ReceiveAsync(socket);
            seen.SetResult(socket.CloseStatus);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectAsync(edge);
        await WebSocketPeers.ReceiveAsync(client);

        var stopping = edge.StopAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(WebSocketMessageType.Close, (await WebSocketPeers.ReceiveAsync(client)).Type);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, client.CloseStatus);
        await client.CloseOutputAsync(client.CloseStatus!.Value, null, Wait.Deadline);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, await seen.Task.WaitAsync(Wait.Patience));
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Close_waits_for_the_end_of_the_frame_and_what_the_upstream_sends_later_is_dropped()
    {
        var rest = new TaskCompletionSource();
        var done = new TaskCompletionSource();
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(new byte[] { 0x82, 6, 1, 2, 3 });
            await rest.Task;
            await connection.SendAsync(new byte[] { 4, 5, 6, 0x81, 2, 7, 8 });
            await done.Task;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);
        await client.ReadExactlyAsync(5);

        var stopping = edge.StopAsync(Long);
        using var readiness = await edge.Admin.GetAsync("/readyz");
        rest.SetResult();
        Assert.Equal([4, 5, 6, .. GoingAway], await client.ReadExactlyAsync(3 + GoingAway.Length));
        await client.SendAsync(WebSocketPeers.ClientFrame(0x88, "\x03\xE9"));
        done.SetResult();
        Assert.Equal(new RawAnswer("", WasReset: false), await client.ReadToEndAsync());
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task A_client_that_does_not_answer_is_answered_for()
    {
        var told = new TaskCompletionSource<byte[]>();
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(WebSocketPeers.ServerFrame(0x81, "hello"));
            told.SetResult(await connection.ReadExactlyAsync(8));
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);
        await client.ReadExactlyAsync(7);

        var stopping = edge.StopAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(GoingAway, await client.ReadExactlyAsync(GoingAway.Length));
        Assert.Equal([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9], await told.Task.WaitAsync(Wait.Patience));
        await stopping.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Two_peers_that_both_stay_silent_do_not_hold_the_drain_up()
    {
        await using var upstream = WebSocketPeers.RawUpstream(async connection =>
        {
            await connection.SendAsync(WebSocketPeers.ServerFrame(0x81, "hello"));
            await connection.DrainAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var client = await WebSocketPeers.ConnectRawAsync(edge);
        await client.ReadExactlyAsync(7);

        await edge.StopAsync(TimeSpan.FromMinutes(10)).WaitAsync(Wait.Patience);
        Assert.Equal(GoingAway, await client.ReadExactlyAsync(GoingAway.Length));
    }
}
