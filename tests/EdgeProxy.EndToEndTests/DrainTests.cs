using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary and real signals.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Folder _folder = new();
    private WebApplication _upstream = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _upstream = builder.Build();
        _upstream.UseWebSockets();
        _upstream.Run(AnswerAsync);
        await _upstream.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _release.TrySetResult();
        await _upstream.StopAsync(new CancellationToken(canceled: true));
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task SIGTERM_lets_requests_finish_closes_WebSockets_with_1001_and_exits_with_0()
    {
        var (edge, traffic, admin) = await StartAsync("30s");
        await using var _ = edge;
        using var client = new HttpClient();
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(traffic.Replace("http:", "ws:", StringComparison.Ordinal)), CancellationToken.None);
        var slow = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);

        await edge.SignalAsync("TERM");
        await edge.LineAsync("Draining");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync(admin + "/readyz")).StatusCode);
        using var fresh = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => fresh.GetAsync(traffic));
        var closed = await socket.ReceiveAsync(new byte[100], CancellationToken.None).WaitAsync(Patience);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, closed.CloseStatus);
        await socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, null, CancellationToken.None);

        _release.SetResult();
        Assert.Equal("held and done", await slow);
        Assert.Equal(0, await edge.ExitAsync());
    }

    [Fact]
    public async Task A_request_that_outlasts_the_drain_is_cut_and_the_exit_code_is_still_0()
    {
        var (edge, traffic, _) = await StartAsync("1s");
        await using var __ = edge;
        using var client = new HttpClient();
        var endless = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);

        await edge.SignalAsync("TERM");
        await Assert.ThrowsAsync<HttpRequestException>(() => endless.WaitAsync(Patience));
        Assert.Equal(0, await edge.ExitAsync());
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    [InlineData("QUIT", 131)]
    public async Task A_second_signal_exits_at_once(string signal, int exitCode)
    {
        var (edge, traffic, _) = await StartAsync("1h");
        await using var __ = edge;
        using var client = new HttpClient();
        var endless = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);

        await edge.SignalAsync(signal);
        await edge.LineAsync("Draining");
        await edge.SignalAsync(signal);
        Assert.Equal(exitCode, await edge.ExitAsync());
        await Assert.ThrowsAsync<HttpRequestException>(() => endless.WaitAsync(Patience));
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("QUIT")]
    public async Task New_connections_are_taken_for_a_while_after_the_signal(string signal)
    {
        var (edge, traffic, admin) = await StartAsync("30s", acceptFor: "4s");
        await using var _ = edge;
        _release.SetResult();

        await edge.SignalAsync(signal);
        await edge.LineAsync("Draining");
        using var client = new HttpClient();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync(admin + "/readyz")).StatusCode);
        using var fresh = new HttpClient();
        Assert.Equal("held and done", await fresh.GetStringAsync(traffic));
        Assert.Equal(0, await edge.ExitAsync());
    }

    [Fact]
    public async Task Half_of_the_drain_is_left_to_requests_however_long_new_connections_are_to_be_taken()
    {
        var (edge, traffic, _) = await StartAsync("2s", acceptFor: "10m");
        await using var __ = edge;
        using var client = new HttpClient();
        var endless = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);

        await edge.SignalAsync("TERM");
        await Assert.ThrowsAsync<HttpRequestException>(() => endless.WaitAsync(Patience));
        Assert.Equal(0, await edge.ExitAsync());
    }

    [Fact]
    public async Task An_interrupt_refuses_new_connections_at_once()
    {
        var (edge, traffic, _) = await StartAsync("30s", acceptFor: "20s");
        await using var __ = edge;
        using var client = new HttpClient();
        var slow = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);

        await edge.SignalAsync("INT");
        await edge.LineAsync("Draining");
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (await IsTakenAsync(new Uri(traffic)))
        {
            await Task.Delay(20, deadline.Token); // clients that wait to be accepted are let in first
        }

        _release.SetResult();
        Assert.Equal("held and done", await slow);
        Assert.Equal(0, await edge.ExitAsync());
    }

    private static async Task<bool> IsTakenAsync(Uri address)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(address.Host, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [Fact]
    public async Task Other_signals_cut_nothing_and_a_hangup_reads_the_files_again()
    {
        var (edge, traffic, admin) = await StartAsync("30s");
        await using var _ = edge;
        using var client = new HttpClient();
        var slow = client.GetStringAsync(traffic);
        await _begun.Task.WaitAsync(Patience);
        foreach (var signal in (string[])["USR1", "USR2", "PIPE", "HUP", "HUP"])
        {
            await edge.SignalAsync(signal);
        }

        await edge.LineAsync("Signals[Reread]");
        Assert.Contains("SIGUSR1 does nothing", edge.Output, StringComparison.Ordinal);
        _release.SetResult();
        Assert.Equal("held and done", await slow);
        Assert.Equal("ok\n", await client.GetStringAsync(admin + "/readyz"));
    }

    private async Task<(Product Edge, string Traffic, string Admin)> StartAsync(string drainTimeout, string acceptFor = "0s")
    {
        _folder.Write("edgeproxy.json", $$"""
            {
              "Edge": {
                "Listen": [ "http://127.0.0.1:0" ],
                "Admin": { "Listen": "http://127.0.0.1:0" },
                "Shutdown": { "DrainTimeout": "{{drainTimeout}}", "AcceptFor": "{{acceptFor}}" }
              },
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "app": { "Destinations": { "a": { "Address": "{{_upstream.Urls.First()}}/" } } } }
              }
            }
            """);
        var edge = Product.Start("run", "--config", _folder.Path);
        var words = (await edge.LineAsync("Ready: traffic on ")).Split("Ready: traffic on ")[1].Split(", admin on ");
        return (edge, words[0], words[1]);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.WebSockets.IsWebSocketRequest)
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await socket.ReceiveAsync(new byte[100], context.RequestAborted);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
            return;
        }

        _begun.TrySetResult();
        await _release.Task;
        await context.Response.WriteAsync("held and done");
    }
}
