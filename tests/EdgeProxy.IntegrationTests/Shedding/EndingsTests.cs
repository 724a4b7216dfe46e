using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>Every way in which a request can end gives back its room: at its route, at its cluster and at its destination.</summary>
public sealed class EndingsTests : IAsyncDisposable
{
    private const int Max = 4;
    private const int Rounds = 12;

    private readonly TaskCompletionSource _letGo = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Socket _nobody = new(SocketType.Stream, ProtocolType.Tcp);
    private Upstream? _upstream;
    private Edge? _edge;
    private int _held;

    private Edge Edge => _edge!;

    public static TheoryData<string> Endings() =>
    [
        "ok", "reset", "hang", "503", "truncated", "closed", "websocket", "websocket dropped", "client gone", "client gone in queue",
        "deadline", "upload broken off", "all",
    ];

    [Theory, MemberData(nameof(Endings))]
    public async Task However_requests_end_all_room_is_there_again(string ending)
    {
        await StartAsync();
        string[] endings = ending == "all" ? [.. Endings().Select(row => row.Data).Where(name => name != "all")] : [ending];

        // More at a time than are let in, so that the queues are in use, too.
        await Task.WhenAll(Enumerable.Range(0, Rounds).Select(round => EndAsync(endings[round % endings.Length])));

        await UntilNothingIsUnderWayAsync();
        var held = Enumerable.Range(0, Max).Select(_ => Edge.Client.GetAsync("/hold", Wait.Deadline)).ToList();
        await Wait.UntilAsync(() => Volatile.Read(ref _held) == Max, "all the room is there");
        _letGo.SetResult();
        Assert.All(await Task.WhenAll(held), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        await UntilNothingIsUnderWayAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _letGo.TrySetResult();
        await (_edge?.DisposeAsync() ?? default);
        await (_upstream?.DisposeAsync() ?? default);
        _nobody.Dispose();
    }

    /// <summary>A destination that does as the path says, and one where nobody listens; failures are tried again.</summary>
    private async Task StartAsync()
    {
        _nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _upstream = await Upstream.StartAsync(AnswerAsync);
        _edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "Retry": { "BackoffMax": "5ms" }, "Timeout": "1m",
                "Timeouts": { "PerTry": "500ms" }, "Concurrency": { "Max": {{Max}}, "Queue": 5, "QueueTimeout": "300ms" } } },
              "Clusters": { "up": { "CircuitBreaker": { "Enabled": false }, "RetryBudget": { "ReservePerSecond": 1000 },
                "Concurrency": { "Max": {{Max}}, "MaxPerDestination": {{Max}}, "Queue": 5, "QueueTimeout": "200ms" },
                "Destinations": { "a": { "Address": "{{_upstream.Address}}" }, "b": { "Address": "http://{{_nobody.LocalEndPoint}}/" } } } }
            }
            """);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/reset":
                context.Abort();
                break;
            case "/hang":
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                break;
            case "/hold":
                await context.Response.Body.FlushAsync(); // the head, which alone has to be here in time
                Interlocked.Increment(ref _held);
                await _letGo.Task;
                break;
            case "/503":
                context.Response.StatusCode = 503;
                break;
            case "/truncated":
                context.Response.ContentLength = 100;
                await context.Response.WriteAsync("half");
                await context.Response.Body.FlushAsync();
                context.Abort();
                break;
            case "/ws":
                using (var socket = await context.WebSockets.AcceptWebSocketAsync())
                {
                    await WebSocketPeers.ReceiveAsync(socket);
                    context.Abort();
                }

                break;
        }
    }

    private async Task EndAsync(string ending)
    {
        try
        {
            await (ending switch
            {
                "websocket" or "websocket dropped" => TalkAsync(drops: ending == "websocket dropped"),
                "client gone" => LeaveAsync("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n", TimeSpan.FromMilliseconds(50)),
                "client gone in queue" => LeaveAsync("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n", TimeSpan.Zero),
                "upload broken off" => LeaveAsync(
                    "PUT /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", TimeSpan.FromMilliseconds(50)),
                "closed" => LeaveAsync("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", TimeSpan.FromMilliseconds(100)),
                "deadline" => CallAsync(),
                _ => GetAsync("/" + ending),
            });
        }
        catch (Exception exception) when (exception is HttpRequestException or WebSocketException or IOException or SocketException)
        {
            // What is asked is only that all comes to an end.
        }
    }

    private async Task GetAsync(string path)
    {
        using var answer = await Edge.Client.GetAsync(path, Wait.Deadline);
    }

    /// <summary>A gRPC call with a deadline of its own, which ends it in the queue or later.</summary>
    private async Task CallAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hang");
        request.Headers.TryAddWithoutValidation("grpc-timeout", "50m");
        request.Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
        using var answer = await Edge.Client.SendAsync(request, Wait.Deadline);
    }

    private async Task TalkAsync(bool drops)
    {
        using var socket = await WebSocketPeers.ConnectAsync(Edge);
        if (drops)
        {
            socket.Abort();
            return;
        }

        await WebSocketPeers.SendAsync(socket, "go");
        await WebSocketPeers.ReceiveAsync(socket);
    }

    private async Task LeaveAsync(string request, TimeSpan after)
    {
        using var client = await RawClient.OpenAsync(Edge.Uri);
        await client.SendAsync(request);
        if (after > TimeSpan.Zero)
        {
            await Task.Delay(after, TimeProvider.System, Wait.Deadline);
        }

        client.Reset();
    }

    private async Task UntilNothingIsUnderWayAsync() => await Wait.UntilAsync(async () =>
    {
        using var routes = JsonDocument.Parse(await Edge.Admin.GetStringAsync("/v1/routes"));
        using var clusters = JsonDocument.Parse(await Edge.Admin.GetStringAsync("/v1/clusters"));
        return IsEmpty(routes.RootElement[0]) && IsEmpty(clusters.RootElement[0])
            && clusters.RootElement[0].GetProperty("inFlight").GetInt32() == 0;
    }, "nothing is under way and nobody waits");

    private static bool IsEmpty(JsonElement owner) => owner.GetProperty("concurrency") is var gate
        && gate.GetProperty("inUse").GetInt32() == 0 && gate.GetProperty("queued").GetInt32() == 0;
}
