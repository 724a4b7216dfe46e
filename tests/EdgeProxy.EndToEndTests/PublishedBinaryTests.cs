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
        Assert.DoesNotContain("   at ", string.Concat(output), StringComparison.Ordinal); // the one line, and no stack traces
        Assert.False(Directory.Exists(Path.Combine(folder.Path, ".edgeproxy"))); // it is no last good revision
    }

    [Fact]
    public async Task Without_a_verb_it_serves_the_folder_config()
    {
        using var folder = new Folder();
        Directory.CreateDirectory(Path.Combine(folder.Path, "config"));
        folder.Write("config/edgeproxy.json", Served("x"));
        await using var product = Product.Start(folder.Path, new Dictionary<string, string>());

        await product.LineAsync("Ready:");
        var kept = Path.Combine(folder.Path, "config", ".edgeproxy", "last-good");
        await Product.UntilAsync(() => File.Exists(kept));
        await product.SignalAsync("TERM");

        Assert.Equal(0, await product.ExitAsync());
    }

    [Theory]
    [InlineData("quotes \" and \\ and {}", 0)]
    [InlineData("two\nlines", 1)]
    [InlineData("two\r\nX-Injected: fields", 1)]
    public async Task A_variable_is_a_value_and_never_becomes_configuration(string value, int expected)
    {
        using var folder = new Folder();
        folder.Write("edgeproxy.json", Served("${VALUE}"));
        await using var product = Product.Start(
            folder.Path, new Dictionary<string, string> { ["VALUE"] = value }, "check", "edgeproxy.json");

        var exitCode = await product.ExitAsync();

        Assert.True(exitCode == expected, product.Output);
        Assert.DoesNotContain("Injected", product.Output, StringComparison.Ordinal);
    }

    private static string Served(string field) => $$"""
        {
          "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
          "ReverseProxy": {
            "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" },
                                 "Transforms": [ { "ResponseHeader": "X-Value", "Set": "{{field}}" } ] } },
            "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
          }
        }
        """;
}
