using System.Diagnostics;
using System.Net.Sockets;
using EdgeProxy.Cli;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>What has the name of a file but is none holds nobody up: it is a fault, and the next good change is taken.</summary>
public sealed class SpecialFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;

    private string Name => Path.Combine(_folder, "x.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("pipe", "this is a pipe, not a regular file")]
    [InlineData("folder", "this is a folder, not a regular file")]
    [InlineData("link to a folder", "this is a folder, not a regular file")]
    [InlineData("socket", "this is a socket, not a regular file")]
    [InlineData("endless device", "this is a device, not a regular file")]
    public async Task In_a_folder_it_is_a_fault_with_its_name(string kind, string message)
    {
        using var made = await MakeAsync(kind);

        var read = await Task.Run(() => ConfigurationCheck.OfFilesAsync(_folder, TimeProvider.System, takesPipe: true))
            .WaitAsync(Wait.Patience);

        var fault = Assert.Single(read.Faults);
        Assert.Equal(("unreadable", Name, message), (fault.Code, fault.File, fault.Message));
    }

    [Fact]
    public async Task A_pipe_that_is_named_itself_is_read()
    {
        using var made = await MakeAsync("pipe");
        var read = Task.Run(() => ConfigurationCheck.OfFilesAsync(Name, TimeProvider.System, takesPipe: true));
        await File.WriteAllTextAsync(Name, Edge.Document(Edge.OneRoute("http://127.0.0.1:1/", "\"Timeout\": \"9s\"")), Wait.Deadline);
        Assert.Empty((await read.WaitAsync(Wait.Patience)).Faults);
    }

    /// <summary>As of `edgeproxy run --config /dev/stdin`: what is looked for again a second later would not be there.</summary>
    [Fact]
    public async Task An_edge_that_is_run_from_a_pipe_serves_and_looks_at_it_no_more()
    {
        await using var upstream = await Upstream.StartAsync("here");
        using var made = await MakeAsync("pipe");
        var started = new TaskCompletionSource<Gateway>();
        var running = Task.Run(() => RunVerb.RunAsync(new RunOptions { ConfigPath = Name }, started.SetResult));
        await Task.Run(() => File.WriteAllText(Name, Edge.Document(Edge.OneRoute(upstream.Address)))).WaitAsync(Wait.Patience);
        var gateway = await started.Task.WaitAsync(Wait.Patience);
        using var client = new HttpClient();

        await gateway.Services.GetServices<IHostedService>().OfType<ConfigurationWorker>().Single().ExecuteTask!.WaitAsync(Wait.Patience);

        Assert.Equal("here", await client.GetStringAsync(new Uri(gateway.Addresses.First())));
        Assert.True(gateway.Services.GetRequiredService<ReloadStatus>().Last.Success);
        gateway.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        await running.WaitAsync(Wait.Patience);
    }

    [Theory]
    [InlineData("pipe")]
    [InlineData("folder")]
    [InlineData("socket")]
    [InlineData("endless device")]
    public async Task A_reload_refuses_it_and_takes_the_next_good_change(string kind)
    {
        await using var one = await Upstream.StartAsync("one");
        await using var two = await Upstream.StartAsync("two");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(one.Address, "\"Timeout\": \"1m\""));
        var status = edge.Services.GetRequiredService<ReloadStatus>();
        using var made = await MakeAsync(kind);
        var entry = Path.Combine(edge.Folder, "x.json");
        File.CreateSymbolicLink(entry, Name);

        await Wait.UntilAsync(() => !status.Last.Success, "the change is refused");
        Assert.Equal(entry, Assert.Single(status.Last.Faults).File);
        Assert.Equal("one", await edge.Client.GetStringAsync("/"));

        File.Delete(entry);
        await File.WriteAllTextAsync(Path.Combine(edge.Folder, "edgeproxy.json"), Edge.Document(Edge.OneRoute(two.Address)));
        await Wait.UntilAsync(async () => await edge.Client.GetStringAsync("/") == "two", "the next change is taken");
    }

    /// <summary>Puts what <paramref name="kind"/> says at <see cref="Name"/>.</summary>
    private async Task<IDisposable?> MakeAsync(string kind)
    {
        switch (kind)
        {
            case "pipe":
                using (var fifo = Process.Start("mkfifo", [Name]))
                {
                    await fifo.WaitForExitAsync();
                }

                return null;
            case "folder":
                Directory.CreateDirectory(Name);
                return null;
            case "socket":
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(Name));
                return socket;
            default:
                File.CreateSymbolicLink(Name, kind == "link to a folder" ? "/" : "/dev/zero");
                return null;
        }
    }
}
