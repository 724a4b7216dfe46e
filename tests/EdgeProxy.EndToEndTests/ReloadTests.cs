using System.Text.Json;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>The published binary, faulty files and what it starts from then.</summary>
public sealed class ReloadTests
{
    private const string Faulty = "{ \"ReverseProxy\": { ";

    private const string Good = """
        {
          "Edge": { "Listen": [ "http://127.0.0.1:0" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
          "ReverseProxy": {
            "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } } },
            "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
          }
        }
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Faulty_files_and_nothing_to_fall_back_to_exit_with_1_and_name_the_line(bool fallBack)
    {
        using var folder = new Folder();
        folder.Write("edgeproxy.json", Faulty);

        string[] arguments = ["run", "--config", folder.Path];
        var (exitCode, output) = await Product.RunAsync(fallBack ? [.. arguments, "--fall-back"] : arguments);

        Assert.Equal(1, exitCode);
        Assert.Contains($"{folder.Path}/edgeproxy.json:1:", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Ready", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fall_back_starts_from_what_was_served_last_says_so_and_takes_the_mended_files()
    {
        using var folder = new Folder();
        using var state = new Folder();
        folder.Write("edgeproxy.json", Good);
        string[] arguments = ["run", "--config", folder.Path, "--state", state.Path, "--fall-back"];
        string served;
        await using (var first = Product.Start(arguments))
        {
            served = await RevisionAsync(await AdminAsync(first), success: true);
            await EventuallyAsync(() => Task.FromResult(File.Exists(Path.Combine(state.Path, "last-good"))));
            await first.SignalAsync("TERM");
            Assert.Equal(0, await first.ExitAsync());
            Assert.DoesNotContain("not kept", first.Output, StringComparison.Ordinal);
        }

        folder.Write("edgeproxy.json", Faulty);
        await using var second = Product.Start(arguments);
        var admin = await AdminAsync(second);
        Assert.Contains("edgeproxy.json:1:", second.Output, StringComparison.Ordinal);
        Assert.Equal(served, await RevisionAsync(admin, success: false));
        using var client = new HttpClient();
        var metrics = await client.GetStringAsync(admin + "/metrics");
        Assert.Contains("\nedgeproxy_config_last_reload_success 0\n", metrics, StringComparison.Ordinal);

        folder.Write("edgeproxy.json", Good);
        Assert.Equal(served, await RevisionAsync(admin, success: true));
        metrics = await client.GetStringAsync(admin + "/metrics");
        Assert.Contains("\nedgeproxy_config_last_reload_success 1\n", metrics, StringComparison.Ordinal);
    }

    private static async Task<string> AdminAsync(Product edge) => (await edge.LineAsync("Ready: traffic on ")).Split(", admin on ")[1];

    /// <summary>Id of the active revision, once the last reload is told to have ended as <paramref name="success"/> says.</summary>
    private static async Task<string> RevisionAsync(string admin, bool success)
    {
        using var client = new HttpClient();
        var id = "";
        await EventuallyAsync(async () =>
        {
            using var answer = JsonDocument.Parse(await client.GetStringAsync(admin + "/v1/config"));
            id = answer.RootElement.GetProperty("revision").GetProperty("id").GetString()!;
            return answer.RootElement.GetProperty("lastReload").GetProperty("success").GetBoolean() == success;
        });
        return id;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, deadline.Token);
        }
    }
}
