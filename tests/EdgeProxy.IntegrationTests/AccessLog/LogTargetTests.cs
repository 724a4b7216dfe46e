using EdgeProxy.AccessLog;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.AccessLog;

/// <summary>Which files the access log may be written to: a file of the configuration has not the rights of the process.</summary>
public sealed class LogTargetTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("edgeproxy-target-").FullName;
    private readonly RunOptions _options;

    public LogTargetTests()
    {
        var config = Directory.CreateDirectory(Path.Combine(_root, "config")).FullName;
        Directory.CreateDirectory(Path.Combine(_root, "state"));
        File.WriteAllText(Path.Combine(config, "team.json"), "{}");
        _options = new RunOptions { ConfigPath = config, StatePath = Path.Combine(_root, "state") };
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_new_file_an_empty_one_and_one_that_the_edge_began_are_appended_to()
    {
        var file = Path.Combine(_root, "access.log");
        for (var i = 1; i <= 2; i++)
        {
            using (var target = LogTarget.Open(file, _options))
            {
                LogTarget.Write(target, "{\"time\":\"now\"}\n"u8, out var obstacle);
                Assert.Null(obstacle);
            }

            Assert.Equal(i, File.ReadAllLines(file).Length);
        }

        var empty = Path.Combine(_root, "empty.log");
        File.WriteAllText(empty, "");
        LogTarget.Open(empty, _options).Dispose();
    }

    [Theory]
    [InlineData("config/team.json", "is in the configuration")]
    [InlineData("config/new.json", "is in the configuration")]
    [InlineData("state/access.log", "is in the folder of the last good revision")]
    [InlineData("other.txt", "holds something other")]
    [InlineData("link", "is a link")]
    [InlineData("folder-link/access.log", "is in the configuration")]
    public void Other_files_are_refused_and_stay_as_they_are(string name, string reason)
    {
        var other = Path.Combine(_root, "other.txt");
        File.WriteAllText(other, "precious");
        File.CreateSymbolicLink(Path.Combine(_root, "link"), other);
        Directory.CreateSymbolicLink(Path.Combine(_root, "folder-link"), _options.ConfigPath);

        var refused = Assert.Throws<IOException>(() => LogTarget.Open(Path.Combine(_root, name), _options));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(other));
        Assert.Equal("{}", File.ReadAllText(Path.Combine(_options.ConfigPath, "team.json")));
    }

    [Fact]
    public void A_full_device_says_so_and_takes_nothing()
    {
        using var target = LogTarget.Open("/dev/full", _options);
        Assert.Equal(0, LogTarget.Write(target, "line\n"u8, out var obstacle));
        Assert.NotNull(obstacle);
    }

    [Fact]
    public async Task A_path_in_the_folder_of_the_configuration_is_a_fault_with_its_place()
    {
        var file = Path.Combine(_options.ConfigPath, "team.json");
        await File.WriteAllTextAsync(file, Edge.Document(
            Edge.OneRoute("http://127.0.0.1:1/", "\"Timeout\": \"9s\""),
            "\"AccessLog\": { \"Enabled\": true, \"Path\": \"team.json\" }"));

        var read = await ConfigurationCheck.OfFilesAsync(_options.ConfigPath, TimeProvider.System);

        Assert.Null(read.Revision);
        Assert.Contains("$.Edge.AccessLog.Path", Assert.Single(read.Faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_that_names_another_file_waits_for_the_next_start()
    {
        await using var upstream = await Upstream.StartAsync();
        var (first, second) = (Path.Combine(_root, "first.log"), Path.Combine(_root, "second.log"));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), Settings(first));
        await Reload.ApplyAsync(edge, Edge.OneRoute(upstream.Address), Settings(second));

        await edge.Client.GetStringAsync("/");

        await Wait.UntilAsync(() => File.Exists(first) && new FileInfo(first).Length > 0, "the line is in the first file");
        Assert.False(File.Exists(second));
        Assert.Contains("Edge.AccessLog.Path", await edge.Admin.GetStringAsync("/v1/config"), StringComparison.Ordinal);
    }

    private static string Settings(string path) => $$""" "AccessLog": { "Enabled": true, "Path": "{{path}}" } """;
}
