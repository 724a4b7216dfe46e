using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;
using static EdgeProxy.IntegrationTests.Shedding.Bounded;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>One client's slow uploads at a bound that others need.</summary>
public sealed class SlowUploadTests
{
    private const string Head = "POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 3\r\n\r\na";

    private volatile bool _isOver;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    public async Task One_upload_of_a_client_with_more_than_its_share_gives_way_to_another_client(bool isRoute, int queue)
    {
        await using var upstream = await Upstream.StartAsync(ReadAsync);
        var bound = $"\"Concurrency\": {{ \"Max\": 2, \"Queue\": {queue}, \"QueueTimeout\": \"1m\" }}";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, isRoute ? bound : "", isRoute ? "" : bound));
        using var first = await OpenAsync(edge, "127.0.0.2");
        var firstSends = DripAsync(first);
        await UntilAsync(edge, isRoute, used: 1, queued: 0);
        using var second = await OpenAsync(edge, "127.0.0.2");
        var secondSends = DripAsync(second);
        await UntilAsync(edge, isRoute, used: 2, queued: 0);

        var answers = new List<(HttpStatusCode, string)>();
        await Wait.UntilAsync(
            async () =>
            {
                using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
                answers.Add((answer.StatusCode, answer.IsSuccessStatusCode ? "" : CodeOf(answer)));
                return answer.IsSuccessStatusCode;
            },
            "another client's request is served");

        Assert.All(answers.SkipLast(1), answer => Assert.Equal((HttpStatusCode.ServiceUnavailable, "concurrency_limit"), answer));
        Assert.True(queue == 0 || answers.Count == 1);
        var ended = await first.ReadToEndAsync(); // the one that was waited for longest
        Assert.Equal((408, "request_timeout"), (ended.Status, ended.Code));
        Assert.False(await firstSends);
        _isOver = true;
        Assert.True(await secondSends);
        Assert.Contains("read ", await second.ReadUntilAsync("read "), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slow_uploads_go_on_while_nobody_else_waits_and_against_requests_of_the_same_client()
    {
        await using var upstream = await Upstream.StartAsync(ReadAsync);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, One));
        using var slow = await RawClient.OpenAsync(edge.Uri);
        await slow.SendAsync(Head);
        await UntilAsync(edge, isRoute: true, used: 1, queued: 0);
        var began = TimeProvider.System.GetTimestamp();

        await Wait.UntilAsync(
            async () =>
            {
                using var refused = await edge.Client.GetAsync("/", Wait.Deadline);
                Assert.Equal("concurrency_limit", CodeOf(refused));
                return TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromSeconds(2);
            },
            "two seconds are over");

        await slow.SendAsync("bc");
        Assert.Contains("read 3", await slow.ReadUntilAsync("read 3"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 200)]
    [InlineData("\"Requests\": { \"UploadTimeout\": \"1s\" }", 408)]
    public async Task A_body_takes_as_long_as_it_may(string bound, int status)
    {
        await using var upstream = await Upstream.StartAsync(ReadAsync);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), bound);
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: e\r\nConnection: close\r\nContent-Length: 4096\r\n\r\n");
        try
        {
            foreach (var _ in Enumerable.Range(0, 8))
            {
                await client.SendAsync(new string('x', 512)); // twice the pace that any upload must keep
                await Task.Delay(400, Wait.Deadline);
            }
        }
        catch (SocketException)
        {
            // It has been answered.
        }

        Assert.Equal(status, (await client.ReadToEndAsync()).Status);
    }

    private static async Task ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        await context.Response.WriteAsync($"read {body.Length}");
    }

    /// <summary>Sends a body at twice the pace that any upload must keep. False: the edge has ended it.</summary>
    private async Task<bool> DripAsync(RawClient client)
    {
        try
        {
            await client.SendAsync("POST / HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n");
            while (!_isOver)
            {
                await client.SendAsync("80\r\n" + new string('x', 128) + "\r\n");
                await Task.Delay(250, Wait.Deadline);
            }

            await client.SendAsync("0\r\n\r\n");
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<RawClient> OpenAsync(Edge edge, string from)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, edge.Uri.Port);
        return new RawClient(socket);
    }
}
