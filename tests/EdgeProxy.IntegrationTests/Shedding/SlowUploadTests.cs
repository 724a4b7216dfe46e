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
        await first.SendAsync(Head);
        await UntilAsync(edge, isRoute, used: 1, queued: 0);
        using var second = await OpenAsync(edge, "127.0.0.2");
        await second.SendAsync(Head);
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
        await second.SendAsync("bc");
        Assert.Contains("read 3", await second.ReadUntilAsync("read 3"), StringComparison.Ordinal);
        var ended = await first.ReadToEndAsync(); // the one that was waited for longest
        Assert.Equal((408, "request_timeout"), (ended.Status, ended.Code));
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

    private static async Task<RawClient> OpenAsync(Edge edge, string from)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, edge.Uri.Port);
        return new RawClient(socket);
    }
}
