using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>What is kept on disk, and what it is good for.</summary>
public sealed class LastGoodTests : IAsyncLifetime
{
    private const string Secret = "hunter2";

    private Upstream _upstream = null!;
    private Edge _edge = null!;

    private string State => Path.Combine(_edge.Folder, ".edgeproxy");

    private string Kept => Path.Combine(State, KeptFolder, "edgeproxy.json");

    private string KeptFolder => File.Exists(Path.Combine(State, "last-good"))
        ? File.ReadAllText(Path.Combine(State, "last-good")).Trim()
        : "none";

    private string FileName => Path.Combine(_edge.Folder, "edgeproxy.json");

    private RunOptions FallBack => new() { ConfigPath = _edge.Folder, FallBack = true };

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable("EDGEPROXY_TEST_SECRET", Secret);
        _upstream = await Upstream.StartAsync("served");
        _edge = await Edge.StartAsync(Edge.OneRoute(_upstream.Address), token: "${EDGEPROXY_TEST_SECRET}");
        await Wait.UntilAsync(() => File.Exists(Kept), "the last good revision is kept");
    }

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task The_files_are_kept_as_written_and_for_this_user_only()
    {
        Assert.Equal(await File.ReadAllTextAsync(FileName), await File.ReadAllTextAsync(Kept));
        foreach (var file in Directory.EnumerateFiles(State, "*", SearchOption.AllDirectories))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            var text = file.EndsWith("lock", StringComparison.Ordinal) ? "" : await File.ReadAllTextAsync(file);
            Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
        }

        var owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.All(Directory.EnumerateDirectories(State).Append(State), folder => Assert.Equal(owner, File.GetUnixFileMode(folder)));
    }

    [Fact]
    public async Task Faulty_files_and_no_fall_back_give_their_faults_and_nothing_to_serve()
    {
        await File.WriteAllTextAsync(FileName, "{ nonsense");
        var start = await StartingPoint.LoadAsync(FallBack with { FallBack = false }, TimeProvider.System);
        Assert.Null(start.Revision);
        Assert.StartsWith(FileName + ":1:", start.Faults[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Faulty_files_and_fall_back_serve_the_last_good_revision_until_the_files_are_mended()
    {
        var good = await File.ReadAllTextAsync(FileName);
        await File.WriteAllTextAsync(FileName, "{ nonsense");
        var start = await StartingPoint.LoadAsync(FallBack, TimeProvider.System);
        Assert.True(start.FellBack);
        Assert.NotEmpty(start.Faults);

        await using var gateway = Gateway.Create(FallBack, start);
        await gateway.StartAsync();
        using var client = new HttpClient();
        Assert.Equal("served", await client.GetStringAsync(gateway.Addresses.First()));
        var status = gateway.Services.GetRequiredService<ReloadStatus>();
        Assert.False(status.Last.Success);

        await File.WriteAllTextAsync(FileName, good);
        await Wait.UntilAsync(() => status.Last.Success, "the mended files are taken");
        await gateway.StopAsync();
    }

    [Fact]
    public async Task A_missing_configuration_falls_back_too()
    {
        File.Delete(FileName);
        Assert.True((await StartingPoint.LoadAsync(FallBack, TimeProvider.System)).FellBack);
    }

    [Theory]
    [InlineData("edgeproxy.json")]
    [InlineData("SHA256SUMS")]
    public async Task A_damaged_state_is_not_served(string damaged)
    {
        await File.AppendAllTextAsync(Path.Combine(State, KeptFolder, damaged), "\n");
        await File.WriteAllTextAsync(FileName, "{ nonsense");
        var start = await StartingPoint.LoadAsync(FallBack, TimeProvider.System);
        Assert.Null(start.Revision);
        Assert.Contains(start.Faults, fault => fault.Code == "no_last_good");
    }

    [Theory]
    [InlineData("rev-\0\u0001")]
    [InlineData("")]
    [InlineData("../../etc")]
    public async Task A_pointer_to_nowhere_is_no_last_good_revision(string text)
    {
        await File.WriteAllTextAsync(Path.Combine(State, "last-good"), text);
        using var store = new LastGoodStore(State);
        Assert.Null(store.Find());
    }

    [Fact]
    public async Task A_write_that_was_cut_short_leaves_the_earlier_revision_whole()
    {
        // What a crash leaves: a folder half written, and a pointer that was never renamed.
        Directory.CreateDirectory(Path.Combine(State, "new"));
        await File.WriteAllTextAsync(Path.Combine(State, "new", "edgeproxy.json"), "{ half");
        await File.WriteAllTextAsync(Path.Combine(State, "last-good.new"), "rev-01");
        using var store = new LastGoodStore(State);
        Assert.NotNull(store.Find());

        await File.WriteAllTextAsync(FileName, "// next\n" + await File.ReadAllTextAsync(FileName));
        await Wait.UntilAsync(() => File.ReadAllText(Kept).StartsWith("// next", StringComparison.Ordinal), "the next one is kept");
        Assert.NotNull(store.Find());
        await Wait.UntilAsync(() => Directory.EnumerateDirectories(State, "rev-*").Count() == 1, "the earlier one is removed");
    }

    [Fact]
    public void A_second_process_does_not_write()
    {
        using var second = new LastGoodStore(State);
        Assert.Contains("another process", second.Save(_edge.Folder, SourceSnapshot.Take(_edge.Folder)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_state_that_cannot_be_written_is_a_warning_and_serving_goes_on()
    {
        var blocked = Path.Combine(_edge.Folder, "a-file");
        await File.WriteAllTextAsync(blocked, "in the way of the folder");
        var options = new RunOptions { ConfigPath = _edge.Folder, StatePath = blocked };
        var read = ConfigurationReader.Read(_edge.Folder, TimeProvider.System);
        await using var gateway = Gateway.Create(options, read.Revision!);
        await gateway.StartAsync();
        var status = gateway.Services.GetRequiredService<ReloadStatus>();
        await Wait.UntilAsync(() => status.StateWarning is not null, "the warning is given");
        Assert.True(status.Last.Success);
        using var client = new HttpClient();
        Assert.Equal("served", await client.GetStringAsync(gateway.Addresses.First()));
        await gateway.StopAsync();
    }

    [Fact]
    public void A_single_file_keeps_its_state_beside_itself()
    {
        Assert.Equal(State, LastGoodStore.DefaultFolder(FileName));
    }
}
