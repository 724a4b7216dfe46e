using System.Net;
using System.Net.Sockets;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary and its exit codes.</summary>
public sealed class PublishedBinaryTests
{
    [Fact]
    public async Task Wrong_usage_exits_with_2() => Assert.Equal(2, (await Product.RunAsync("frobnicate")).ExitCode);

    [Fact]
    public async Task A_missing_configuration_exits_with_1()
    {
        var (exitCode, output) = await Product.RunAsync("run", "--config", "/nonexistent");

        Assert.Equal(1, exitCode);
        Assert.Contains("/nonexistent", output);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named_and_exits_with_1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var folder = new Folder();
        folder.Write("edgeproxy.json", $$"""
            {
              "Edge": { "Listen": [ "http://{{taken.LocalEndpoint}}" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
              }
            }
            """);

        var (exitCode, output) = await Product.RunAsync("run", "--config", folder.Path);

        Assert.Equal(1, exitCode);
        Assert.Contains($"edgeproxy: Failed to bind to address http://{taken.LocalEndpoint}: address already in use.", output);
    }
}
