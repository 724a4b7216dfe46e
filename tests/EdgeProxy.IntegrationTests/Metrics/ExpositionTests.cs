using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Metrics;

/// <summary>`/metrics` as the programs read it that it is made for.</summary>
public sealed class ExpositionTests
{
    [Fact]
    public async Task Promtool_finds_nothing_to_complain_about()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await edge.Client.GetStringAsync("/");
        var scrape = await Scrape.UntilAsync(edge, "edgeproxy_request_duration_seconds_count{route=\"all\"}", 1);
        await Promtool.AcceptsAsync(scrape);
    }

    [Fact]
    public async Task Promtool_finds_that_the_rules_do_what_their_tests_say()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "EdgeProxy.sln")))
        {
            folder = folder.Parent;
        }

        using var promtool = Process.Start(new ProcessStartInfo("promtool", ["test", "rules", "config/prometheus/rules.test.yml"])
        {
            WorkingDirectory = folder.FullName,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var said = await promtool.StandardOutput.ReadToEndAsync() + await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        Assert.True(promtool.ExitCode == 0, said);
    }

    [Fact]
    public async Task The_process_the_runtime_and_the_build_are_there()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));

        var scrape = await Scrape.OfAsync(edge);

        Assert.True(scrape["process_resident_memory_bytes"] > 1_000_000, scrape.Text);
        Assert.True(scrape["process_cpu_seconds_total"] > 0);
        Assert.True(scrape["process_open_fds"] > 3);
        Assert.True(scrape["process_max_fds"] >= scrape["process_open_fds"]);
        Assert.True(scrape["process_start_time_seconds"] > 1.7e9);
        Assert.True(scrape["dotnet_thread_pool_threads"] > 0);
        Assert.NotNull(scrape["dotnet_gc_collections_total{gc_heap_generation=\"gen0\"}"]);
        Assert.Equal(1, scrape[scrape.Names.Single(name => name.StartsWith("edgeproxy_build_info{version=\"", StringComparison.Ordinal))]);
        Assert.Equal(0, scrape["edgeproxy_metric_series_dropped_total"]);
    }

    [Fact]
    public async Task OpenMetrics_is_given_when_asked_with_the_trace_of_a_sampled_request()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var traced = new HttpRequestMessage(HttpMethod.Get, "/");
        traced.Headers.Add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        await edge.Client.SendAsync(traced);
        await Scrape.UntilAsync(edge, "edgeproxy_request_duration_seconds_count{route=\"all\"}", 1);

        var open = await Scrape.OfAsync(edge, "application/openmetrics-text");

        Assert.EndsWith("# EOF\n", open.Text, StringComparison.Ordinal);
        Assert.Contains("# TYPE edgeproxy_requests counter\n", open.Text, StringComparison.Ordinal);
        Assert.Contains(" # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} ", open.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_real_Prometheus_scrapes_both_formats()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        await edge.Client.GetStringAsync("/");
        await using var prometheus = await Prometheus.StartAsync(edge.Admin.BaseAddress!);

        var found = await prometheus.UntilAsync("edgeproxy_requests_total{route=\"all\",code=\"200\"}");
        Assert.Equal("1", found.GetProperty("value")[1].GetString());
        await prometheus.UntilAsync("up == 1");
    }

    [Fact]
    public async Task Metrics_may_be_taken_compressed()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        using var handler = new HttpClientHandler { AutomaticDecompression = System.Net.DecompressionMethods.GZip };
        using var client = new HttpClient(handler) { BaseAddress = edge.Admin.BaseAddress };

        Assert.Contains("process_cpu_seconds_total ", await client.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    /// <summary>A Prometheus of its own on a free port, in a folder of its own.</summary>
    private sealed class Prometheus(Process process, HttpClient client, string folder) : IAsyncDisposable
    {
        public static async Task<Prometheus> StartAsync(Uri target)
        {
            var folder = Directory.CreateTempSubdirectory("edgeproxy-prometheus-").FullName;
            var config = Path.Combine(folder, "prometheus.yml");
            await File.WriteAllTextAsync(config, $$"""
                global: { scrape_interval: 1s, scrape_timeout: 1s }
                scrape_configs:
                  - job_name: edgeproxy
                    static_configs: [ { targets: [ "{{target.Authority}}" ] } ]
                """);
            var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
            listener.Start();
            var address = listener.LocalEndpoint.ToString()!;
            listener.Dispose();
            var process = Process.Start(new ProcessStartInfo("prometheus",
            [
                "--config.file=" + config, "--storage.tsdb.path=" + Path.Combine(folder, "data"),
                "--web.listen-address=" + address, "--log.level=error", "--enable-feature=exemplar-storage",
            ]))!;
            return new Prometheus(process, new HttpClient { BaseAddress = new Uri("http://" + address) }, folder);
        }

        public async Task<JsonElement> UntilAsync(string query)
        {
            var started = Stopwatch.StartNew();
            while (true)
            {
                try
                {
                    var answer = await client.GetFromJsonAsync<JsonElement>("/api/v1/query?query=" + Uri.EscapeDataString(query));
                    var result = answer.GetProperty("data").GetProperty("result");
                    if (result.GetArrayLength() > 0)
                    {
                        return result[0];
                    }
                }
                catch (HttpRequestException) when (started.Elapsed < TimeSpan.FromSeconds(30))
                {
                    // Not up yet.
                }

                Assert.True(started.Elapsed < TimeSpan.FromSeconds(30), query + " never found anything");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await process.EndAsync();
            process.Dispose();
            client.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }
}
