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

    [Theory]
    [InlineData("http://192.0.2.7:18080", "http://127.0.0.1:0", "192.0.2.7:18080")]
    [InlineData("http://127.0.0.1:0", "http://192.0.2.7:19901", "192.0.2.7:19901")]
    [InlineData("http://[2001:db8::7]:18080", "http://127.0.0.1:0", "[2001:db8::7]:18080")]
    public async Task A_listener_that_cannot_be_bound_is_named_and_the_process_ends_with_1(string listen, string admin, string named)
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-");
        var file = Path.Combine(folder.FullName, "edgeproxy.json");
        var document = Edge.Document(Edge.OneRoute("http://127.0.0.1:1/"), token: new string('t', 20))
            .Replace("\"Admin\": { \"Listen\": \"http://127.0.0.1:0\"", $"\"Admin\": {{ \"Listen\": \"{admin}\"", StringComparison.Ordinal)
            .Replace("[ \"http://127.0.0.1:0\" ]", $"[ \"{listen}\" ]", StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, document);
        var read = ConfigurationReader.Read(file, TimeProvider.System);
        Assert.True(read.Revision is not null, string.Join('\n', read.Faults));
        await using var gateway = Gateway.Create(new RunOptions { ConfigPath = file }, read.Revision!);

        var failure = await Assert.ThrowsAsync<IOException>(() => gateway.StartAsync());
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, await RunVerb.RunAsync(new RunOptions { ConfigPath = file }).WaitAsync(Wait.Patience));
        await Wait.UntilAsync(() => IsDeleted(folder), "nothing of the starts that failed writes to the folder any more");
    }

    private static bool IsDeleted(DirectoryInfo folder)
    {
        try
        {
            folder.Delete(recursive: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
