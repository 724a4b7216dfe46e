using System.Diagnostics;
using System.Text;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>A configuration of several files, changed as Kubernetes and people change them.</summary>
public sealed class ReloadFolderTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
    private readonly HttpClient _client = new();
    private Upstream _one = null!;
    private Upstream _two = null!;
    private Gateway? _gateway;

    private ReloadStatus Status => _gateway!.Services.GetRequiredService<ReloadStatus>();

    public async ValueTask InitializeAsync()
    {
        _one = await Upstream.StartAsync("one");
        _two = await Upstream.StartAsync("two");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_gateway is not null)
        {
            await _gateway.StopAsync(TimeSpan.Zero);
            await _gateway.DisposeAsync();
        }

        await _one.DisposeAsync();
        await _two.DisposeAsync();
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (IOException)
        {
            // The last good revision may still be on its way to disk; a folder of a few KiB stays behind.
        }
    }

    [Fact]
    public async Task A_ConfigMap_swapped_by_its_link_is_taken_whole()
    {
        // A mounted ConfigMap: each file is a link through ..data, which is replaced by renaming another link over it.
        Version("..2026_1", _one);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "..data"), "..2026_1");
        File.CreateSymbolicLink(Path.Combine(_folder, "edgeproxy.json"), "..data/edgeproxy.json");
        File.CreateSymbolicLink(Path.Combine(_folder, "routes.json"), "..data/routes.json");
        await StartAsync();
        await ServesAsync("/", "one");

        Version("..2026_2", _two);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "..data_tmp"), "..2026_2");
        using (var rename = Process.Start("mv", ["-T", Path.Combine(_folder, "..data_tmp"), Path.Combine(_folder, "..data")]))
        {
            await rename.WaitForExitAsync(); // File.Move refuses a link to a folder
            Assert.Equal(0, rename.ExitCode);
        }

        Directory.Delete(Path.Combine(_folder, "..2026_1"), recursive: true);
        await ServesAsync("/", "two");
        Assert.True(Status.Last.Success);
        Assert.Equal(0, Status.Count(ReloadResult.Refused));
    }

    [Fact]
    public async Task A_file_that_stays_away_counts_as_removed_and_its_return_is_a_change()
    {
        var extra = Path.Combine(_folder, "extra.json");
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Edge.Document(Edge.OneRoute(_one.Address)));
        await File.WriteAllTextAsync(extra, Extra);
        await StartAsync();
        await ServesAsync("/extra", "two");

        var gone = TimeProvider.System.GetTimestamp();
        File.Delete(extra);
        await ServesAsync("/extra", "one");
        Assert.True(TimeProvider.System.GetElapsedTime(gone) >= TimeSpan.FromSeconds(4.5), "removed too soon");

        await File.WriteAllTextAsync(extra, Extra);
        await ServesAsync("/extra", "two");
        await Wait.UntilAsync(() => Status.Count(ReloadResult.Accepted) == 2, "both changes are counted");
        Assert.Equal(0, Status.Count(ReloadResult.Refused));
    }

    [Fact]
    public async Task A_document_is_checked_and_not_applied_and_the_metrics_do_not_move()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Edge.Document(Edge.OneRoute(_one.Address)));
        await StartAsync();
        var active = _gateway!.Services.GetRequiredService<Revisions>().Current;

        Assert.True((await CheckAsync(Edge.Document(Edge.OneRoute(_two.Address)))).GetProperty("valid").GetBoolean());
        var refused = await CheckAsync(Edge.Document(Edge.OneRoute(_two.Address, "\"Ordre\": 1")));
        Assert.False(refused.GetProperty("valid").GetBoolean());
        Assert.True(refused.GetProperty("faults").GetArrayLength() > 0);

        Assert.Same(active, _gateway.Services.GetRequiredService<Revisions>().Current);
        await ServesAsync("/", "one");
        var metrics = await _client.GetStringAsync(_gateway.AdminAddress + "/metrics");
        Assert.Contains("\nedgeproxy_config_last_reload_success 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nedgeproxy_config_reloads_total{result=\"accepted\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nedgeproxy_config_reloads_total{result=\"refused\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nedgeproxy_config_last_reload_timestamp_seconds ", metrics, StringComparison.Ordinal);
        Assert.Contains($"\nedgeproxy_config_info{{revision=\"{active.Id}\"}} 1\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_look_like_configuration_and_are_not_read_are_named()
    {
        var extra = Path.Combine(_folder, "extra.json");
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Edge.Document(Edge.OneRoute(_one.Address)));
        await File.WriteAllTextAsync(extra, Extra);
        await StartAsync();
        await ServesAsync("/extra", "two");
        Assert.DoesNotContain("extra.json", await IgnoredAsync(), StringComparison.Ordinal);

        var folder = Directory.CreateDirectory(Path.Combine(_folder, "off")).FullName;
        File.Move(extra, Path.Combine(folder, "extra.json"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "more.jsonc"), Extra);
        await Wait.UntilAsync(
            async () => await IgnoredAsync() is var ignored && ignored.Contains("off/extra.json", StringComparison.Ordinal)
                && ignored.Contains("more.jsonc", StringComparison.Ordinal),
            "both files are named while the routes are still there");
        await ServesAsync("/extra", "one");
        await Wait.UntilAsync(() => Status.Count(ReloadResult.Accepted) == 1, "the change is taken");
        Assert.Equal(2, Status.Last.Warnings.Count(warning => warning.Code == "ignored_file"));
    }

    [Fact]
    public async Task A_change_that_spans_two_files_is_never_seen_half_done()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Edge.Document("\"RateLimits\": {}"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "routes.json"), $"{{ {Edge.OneRoute(_one.Address)} }}");
        await StartAsync();
        await ServesAsync("/", "one");

        await Wait.UntilAsync(() => File.Exists(Path.Combine(_folder, ".edgeproxy", "last-good")), "the files have been looked at once");
        await File.WriteAllTextAsync(Path.Combine(_folder, "routes.json"), $"{{ {Edge.OneRoute(_two.Address)} }}");
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "edgeproxy.json"), Edge.Document("\"RateLimits\": {}", "\"Shutdown\": { \"DrainTimeout\": \"7s\" }"));

        var revisions = _gateway!.Services.GetRequiredService<Revisions>();
        await Wait.UntilAsync(() => revisions.Current.Edge.Shutdown.DrainTimeout == TimeSpan.FromSeconds(7), "both changes are in effect");
        await ServesAsync("/", "two");
        Assert.Equal(1, Status.Count(ReloadResult.Accepted));
    }

    private string Extra => $$"""
        {
          "ReverseProxy": {
            "Routes": { "extra": { "ClusterId": "extra", "Match": { "Path": "/extra" } } },
            "Clusters": { "extra": { "Destinations": { "a": { "Address": "{{_two.Address}}" } } } }
          }
        }
        """;

    private void Version(string name, Upstream upstream)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "edgeproxy.json"), Edge.Document("\"RateLimits\": {}"));
        File.WriteAllText(Path.Combine(folder, "routes.json"), $"{{ {Edge.OneRoute(upstream.Address)} }}");
    }

    private async Task StartAsync()
    {
        var read = ConfigurationReader.Read(_folder, TimeProvider.System);
        Assert.True(read.Revision is not null, string.Join('\n', read.Faults));
        _gateway = Gateway.Create(new RunOptions { ConfigPath = _folder }, read.Revision!);
        await _gateway.StartAsync();
    }

    private async Task<JsonElement> CheckAsync(string document)
    {
        using var content = new StringContent(document, Encoding.UTF8, "application/json");
        using var answer = await _client.PostAsync(_gateway!.AdminAddress + "/v1/config/check", content);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    private async Task<string> IgnoredAsync()
    {
        using var answer = JsonDocument.Parse(await _client.GetStringAsync(_gateway!.AdminAddress + "/v1/config"));
        return answer.RootElement.GetProperty("ignoredFiles").GetRawText();
    }

    private Task ServesAsync(string path, string answer) => Wait.UntilAsync(
        async () => await _client.GetStringAsync(_gateway!.Addresses.First() + path) == answer, $"{path} serves \"{answer}\"");
}
