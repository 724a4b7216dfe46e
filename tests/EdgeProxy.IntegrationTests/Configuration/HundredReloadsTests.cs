using System.Net;
using System.Net.WebSockets;
using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>A hundred reloads in a row, every tenth one faulty, while requests, WebSockets and a download go on.</summary>
public sealed class HundredReloadsTests : IAsyncLifetime
{
    private const int Reloads = 100;
    private const int OtherRoutes = 50;

    private readonly TaskCompletionSource _endOfDownload = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Upstream _upstream = null!;
    private Upstream _even = null!;
    private Upstream _odd = null!;
    private Edge _edge = null!;

    private ReloadStatus Status => _edge.Services.GetRequiredService<ReloadStatus>();

    private Revisions Revisions => _edge.Services.GetRequiredService<Revisions>();

    public async ValueTask InitializeAsync()
    {
        _upstream = await Upstream.StartAsync(AnswerAsync);
        _even = await Upstream.StartAsync("even");
        _odd = await Upstream.StartAsync("odd");
        _edge = await Edge.StartAsync(Sections(0));
    }

    public async ValueTask DisposeAsync()
    {
        _endOfDownload.TrySetResult();
        await _edge.DisposeAsync();
        await _upstream.DisposeAsync();
        await _even.DisposeAsync();
        await _odd.DisposeAsync();
    }

    [Fact]
    public async Task A_hundred_reloads_disturb_nobody()
    {
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => LoadAsync(stop.Token)).ToArray();
        var sockets = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => OpenSocketAsync()));
        using var download = await _edge.Client.GetAsync("/download", HttpCompletionOption.ResponseHeadersRead);
        var downloaded = CountAsync(download);

        for (var i = 1; i <= Reloads; i++)
        {
            await ReloadAsync(i);
            await EchoAsync(sockets[i % sockets.Length], $"after reload {i}");
        }

        await stop.CancelAsync();
        var served = await Task.WhenAll(load);
        Assert.All(served, count => Assert.True(count > 0));
        foreach (var socket in sockets)
        {
            await EchoAsync(socket, "at the end");
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
            socket.Dispose();
        }

        _endOfDownload.SetResult();
        var (bytes, ended) = await downloaded;
        Assert.True(ended);
        Assert.True(bytes > Reloads * 10, $"{bytes} bytes came");
        Assert.Equal(Reloads - (Reloads / 10), Status.Count(ReloadResult.Accepted));
        Assert.Equal(Reloads / 10, Status.Count(ReloadResult.Refused));
    }

    private async Task ReloadAsync(int i)
    {
        var faulty = i % 10 == 0;
        var active = Revisions.Current.Id;
        var outcomes = Status.Count(ReloadResult.Accepted) + Status.Count(ReloadResult.Refused);
        var document = Edge.Document(Sections(i));
        await File.WriteAllTextAsync(Path.Combine(_edge.Folder, "edgeproxy.json"), faulty ? document[..^20] : document);
        await Wait.UntilAsync(
            () => Status.Count(ReloadResult.Accepted) + Status.Count(ReloadResult.Refused) > outcomes, $"reload {i} is dealt with");

        Assert.Equal(!faulty, Status.Last.Success);
        Assert.Equal(faulty, Revisions.Current.Id == active);
        var metrics = await _edge.Admin.GetStringAsync("/metrics");
        Assert.Contains($"\nedgeproxy_config_last_reload_success {(faulty ? 0 : 1)}\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"\nedgeproxy_config_info{{revision=\"{Revisions.Current.Id}\"}} 1\n", metrics, StringComparison.Ordinal);
        var now = (await _edge.Client.GetAsync("/revision")).Headers.GetValues("X-Reload").Single();
        Assert.Equal(faulty ? i - 1 : i, int.Parse(now, null));
    }

    private async Task<int> LoadAsync(CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            // A route and a cluster that stay, a cluster that each reload replaces, a cluster that each reload points elsewhere.
            Assert.Equal("ok", await _edge.Client.GetStringAsync($"/other/{count % OtherRoutes}", CancellationToken.None));
            Assert.Equal("ok", await _edge.Client.GetStringAsync("/", CancellationToken.None));
            using var moving = await _edge.Client.GetAsync("/moving", CancellationToken.None);
            Assert.Equal(HttpStatusCode.OK, moving.StatusCode);
            // The route's own words and the destination's are of one revision, in the moment of the swap too.
            Assert.Equal(moving.Headers.GetValues("X-Parity").Single(), await moving.Content.ReadAsStringAsync(CancellationToken.None));
        }

        return count;
    }

    private async Task<WebSocket> OpenSocketAsync()
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(_edge.Uri) { Scheme = "ws", Path = "/socket" }.Uri, CancellationToken.None);
        return socket;
    }

    private static async Task EchoAsync(WebSocket socket, string text)
    {
        var buffer = new byte[100];
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Wait.Deadline);
        var received = await socket.ReceiveAsync(buffer, Wait.Deadline);
        Assert.Equal(text, Encoding.UTF8.GetString(buffer, 0, received.Count));
    }

    private static async Task<(long Bytes, bool Ended)> CountAsync(HttpResponseMessage download)
    {
        var total = 0L;
        var buffer = new byte[4096];
        await using var body = await download.Content.ReadAsStreamAsync();
        while (await body.ReadAsync(buffer) is > 0 and var read)
        {
            total += read;
        }

        return (total, true);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.WebSockets.IsWebSocketRequest)
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[100];
            while (await socket.ReceiveAsync(buffer, context.RequestAborted)
                is { MessageType: not WebSocketMessageType.Close } message)
            {
                var part = buffer.AsMemory(0, message.Count);
                await socket.SendAsync(part, message.MessageType, message.EndOfMessage, context.RequestAborted);
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        else if (context.Request.Path == "/download")
        {
            while (!_endOfDownload.Task.IsCompleted)
            {
                await context.Response.WriteAsync(new string('x', 100), context.RequestAborted);
                await Task.WhenAny(_endOfDownload.Task, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
            }
        }
        else
        {
            await context.Response.WriteAsync("ok");
        }
    }

    /// <summary>Each revision tells its number in a response field; routes and a cluster come and go.</summary>
    private string Sections(int i)
    {
        var others = Enumerable.Range(0, OtherRoutes).Select(n =>
            $$""" "other-{{n}}{{(n == i % OtherRoutes ? $"-{i}" : "")}}": { "ClusterId": "up", "Match": { "Path": "/other/{{n}}" } },""");
        return $$"""
            "ReverseProxy": {
              "Routes": {
                {{string.Concat(others)}}
                "moving": { "ClusterId": "moving", "Match": { "Path": "/moving" },
                            "Transforms": [ { "ResponseHeader": "X-Parity", "Set": "{{Parity(i)}}" } ] },
                "all": { "ClusterId": "c{{i}}", "Match": { "Path": "/{**rest}" },
                         "Transforms": [ { "ResponseHeader": "X-Reload", "Set": "{{i}}" } ] }
              },
              "Clusters": {
                "up": { "Destinations": { "a": { "Address": "{{_upstream.Address}}" } } },
                "moving": { "Destinations": { "{{Parity(i)}}": { "Address": "{{AddressOf(i)}}" } } },
                "c{{i}}": { "Destinations": { "a{{i}}": { "Address": "{{_upstream.Address}}" } } }
              }
            }
            """;
    }

    private string AddressOf(int i) => (i % 2 == 0 ? _even : _odd).Address;

    private static string Parity(int i) => i % 2 == 0 ? "even" : "odd";
}
