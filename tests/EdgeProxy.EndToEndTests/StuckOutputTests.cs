using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary, when whoever reads its standard output has stopped reading.</summary>
public sealed class StuckOutputTests
{
    /// <summary>Each is 200 lines of log; together they are more than the pipe and the log's own queue hold.</summary>
    private const int Changes = 18;

    [Fact]
    public async Task Reloads_and_the_drain_go_on_when_nobody_reads_the_log()
    {
        using var folder = new Folder();
        using var state = new Folder();
        folder.Write("edgeproxy.json", Document(faultyRoutes: 0, change: 0));
        var start = new ProcessStartInfo(Product.Binary, ["run", "--config", folder.Path, "--state", state.Path])
        {
            RedirectStandardOutput = true,
        };
        using var edge = Process.Start(start)!;
        try
        {
            var admin = await AdminAsync(edge);
            using var client = new HttpClient();
            for (var change = 1; change <= Changes; change++)
            {
                folder.Write("edgeproxy.json", Document(faultyRoutes: 200, change));
                await EventuallyAsync(client, admin, $"edgeproxy_config_reloads_total{{result=\"refused\"}} {change}\n");
            }

            folder.Write("edgeproxy.json", Document(faultyRoutes: 0, change: Changes));
            await EventuallyAsync(client, admin, "\nedgeproxy_config_last_reload_success 1\n");

            using var kill = Process.Start("kill", ["-TERM", edge.Id.ToString(CultureInfo.InvariantCulture)]);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await edge.WaitForExitAsync(deadline.Token);
            Assert.Equal(0, edge.ExitCode);
        }
        finally
        {
            if (!edge.HasExited)
            {
                edge.Kill();
                await edge.WaitForExitAsync();
            }
        }
    }

    private static async Task<string> AdminAsync(Process edge)
    {
        const string Mark = ", admin on ";
        while (await edge.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Split(Mark) is [_, var admin])
            {
                return admin;
            }
        }

        throw new InvalidOperationException("edgeproxy ended without being ready");
    }

    private static async Task EventuallyAsync(HttpClient client, string admin, string reading)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!(await client.GetStringAsync(admin + "/metrics", deadline.Token)).Contains(reading, StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, deadline.Token);
        }
    }

    private static string Document(int faultyRoutes, int change)
    {
        var routes = new StringBuilder();
        for (var i = 0; i < faultyRoutes; i++)
        {
            routes.Append(
                CultureInfo.InvariantCulture,
                $$""" "r{{change}}-{{i}}": { "ClusterId": "none", "Match": { "Path": "/{{i}}" } }, """);
        }

        return $$"""
            {
              "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
              "ReverseProxy": {
                "Routes": { {{routes}} "all{{change}}": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
              }
            }
            """;
    }
}
