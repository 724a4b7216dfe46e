using System.Net.Sockets;
using EdgeProxy.Cli;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace EdgeProxy.IntegrationTests.Cli;

/// <summary>`edgeproxy run`, in this process.</summary>
public sealed class RunVerbTests
{
    /// <summary>The host tells everybody to stop when a background service ends by an exception; half an edge must not go on.</summary>
    [Fact]
    public async Task An_edge_that_is_told_to_stop_from_within_drains_and_exits_with_1()
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-");
        var file = Path.Combine(folder.FullName, "edgeproxy.json");
        await File.WriteAllTextAsync(file, Edge.Document(Edge.OneRoute("http://127.0.0.1:1/")));
        var started = new TaskCompletionSource<Gateway>();
        var running = RunVerb.RunAsync(new RunOptions { ConfigPath = file }, started.SetResult);
        var gateway = await started.Task.WaitAsync(Wait.Patience);
        var address = new Uri(gateway.Addresses.First());

        gateway.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        Assert.Equal(1, await running.WaitAsync(Wait.Patience));
        await Assert.ThrowsAsync<SocketException>(() => RawClient.OpenAsync(address));
        folder.Delete(recursive: true);
    }
}
