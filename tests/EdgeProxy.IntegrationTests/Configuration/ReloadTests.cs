using System.Net;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>Files change in all the ways that tools change them; what is served follows, or stays.</summary>
public sealed class ReloadTests : IAsyncLifetime
{
    private const string Bound = "\"Timeout\": \"1m\"";

    private Upstream _one = null!;
    private Upstream _two = null!;
    private Edge _edge = null!;

    private string FileName => Path.Combine(_edge.Folder, "edgeproxy.json");

    private string One => Edge.Document(Edge.OneRoute(_one.Address, Bound));

    private string Two => Edge.Document(Edge.OneRoute(_two.Address, Bound));

    private ReloadStatus Status => _edge.Services.GetRequiredService<ReloadStatus>();

    private Revisions Revisions => _edge.Services.GetRequiredService<Revisions>();

    public async ValueTask InitializeAsync()
    {
        _one = await Upstream.StartAsync("one");
        _two = await Upstream.StartAsync("two");
        _edge = await Edge.StartAsync(Edge.OneRoute(_one.Address, Bound));
    }

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task A_file_written_in_place_is_taken()
    {
        await File.WriteAllTextAsync(FileName, Two);
        await ServesAsync("two");
        await SucceedsAsync();
    }

    [Theory]
    [InlineData("\"Listen\": [ \"http://127.0.0.1:0\" ]", "\"Listen\": [ \"http://127.0.0.1:0\", \"http://TAKEN\" ]", "$.Edge.Listen")]
    [InlineData("\"Admin\": { \"Listen\": \"http://127.0.0.1:0\"", "\"Admin\": { \"Listen\": \"http://TAKEN\"", "$.Edge.Admin")]
    public async Task A_new_listener_that_the_next_start_could_not_bind_is_warned_of(string before, string after, string path)
    {
        using var taken = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        after = after.Replace("TAKEN", taken.LocalEndpoint.ToString(), StringComparison.Ordinal);
        await File.WriteAllTextAsync(FileName, Two.Replace(before, after, StringComparison.Ordinal));

        await ServesAsync("two");
        await Wait.UntilAsync(
            () => Status.Last.Warnings.Any(warning => warning.Code == "cannot_listen" && warning.Path == path), "the warning is there");
        Assert.Contains(Status.Last.Warnings, warning => warning.Code == "restart_required");
    }

    [Fact]
    public async Task A_file_replaced_by_renaming_is_taken()
    {
        // As vim and most editors write: a new file beside the old one, renamed over it.
        var temporary = Path.Combine(_edge.Folder, ".edgeproxy.json.swp");
        await File.WriteAllTextAsync(temporary, Two);
        File.Move(temporary, FileName, overwrite: true);
        await ServesAsync("two");

        // As others do: the old one is moved aside first, so that for a moment there is none.
        File.Move(FileName, FileName + "~");
        await File.WriteAllTextAsync(temporary, One);
        File.Move(temporary, FileName);
        await ServesAsync("one");
        await SucceedsAsync();
    }

    [Fact]
    public async Task A_write_that_keeps_time_and_size_is_seen()
    {
        var time = File.GetLastWriteTimeUtc(FileName);
        var before = new FileInfo(FileName).Length;
        var changed = Two.Length == One.Length ? Two : Two.PadRight(One.Length);
        await File.WriteAllTextAsync(FileName, changed);
        File.SetLastWriteTimeUtc(FileName, time);
        await ServesAsync("two");
        Assert.Equal(time, File.GetLastWriteTimeUtc(FileName));
        Assert.InRange(new FileInfo(FileName).Length, before, before + 1);
    }

    [Fact]
    public async Task A_half_written_file_changes_nothing_and_is_taken_when_complete()
    {
        await File.WriteAllTextAsync(FileName, Two[..^40]);
        await RefusedAsync();
        Assert.Equal("one", await _edge.Client.GetStringAsync("/"));

        await File.AppendAllTextAsync(FileName, Two[^40..]);
        await ServesAsync("two");
        await SucceedsAsync();
    }

    [Fact]
    public async Task A_file_completed_quickly_is_never_reported_as_faulty()
    {
        await File.WriteAllTextAsync(FileName, Two[..^40]);
        await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System); // as a slow writer would take
        await File.AppendAllTextAsync(FileName, Two[^40..]);
        await ServesAsync("two");
        await Wait.UntilAsync(() => Status.Count(ReloadResult.Accepted) == 1, "the reload is reported");
        Assert.Equal(0, Status.Count(ReloadResult.Refused));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ \"ReverseProxy\": { ")]
    [InlineData("{ \"ReverseProxy\": { \"Routes\": {}, \"Clusters\": {} } }")]
    public async Task A_faulty_file_keeps_the_revision_and_the_next_good_one_is_taken(string faulty)
    {
        var active = Revisions.Current.Id;
        await File.WriteAllTextAsync(FileName, faulty);
        await RefusedAsync();
        Assert.Equal("one", await _edge.Client.GetStringAsync("/"));
        Assert.Equal(active, Revisions.Current.Id);
        Assert.NotEmpty(Status.Last.Faults);

        await File.WriteAllTextAsync(FileName, Two);
        await ServesAsync("two");
        await SucceedsAsync();
        Assert.Empty(Status.Last.Faults);
    }

    [Fact]
    public async Task A_deleted_file_keeps_the_revision_and_its_return_is_success()
    {
        File.Delete(FileName);
        await RefusedAsync();
        Assert.Equal("one", await _edge.Client.GetStringAsync("/"));

        await File.WriteAllTextAsync(FileName, One);
        await Wait.UntilAsync(() => Status.Last.Success, "the return of the file counts as success");
        Assert.Equal(1, Status.Count(ReloadResult.Unchanged));
        Assert.Equal(0, Status.Count(ReloadResult.Accepted));
    }

    [Fact]
    public async Task The_same_content_makes_no_new_revision()
    {
        var active = Revisions.Current;
        await File.WriteAllTextAsync(FileName, await File.ReadAllTextAsync(FileName));
        File.SetLastWriteTimeUtc(FileName, File.GetLastWriteTimeUtc(FileName).AddHours(1));
        await File.WriteAllTextAsync(Path.Combine(_edge.Folder, ".hidden.json"), "nonsense");
        await File.WriteAllTextAsync(Path.Combine(_edge.Folder, "edgeproxy.schema.json"), "nonsense");
        await Task.Delay(TimeSpan.FromSeconds(2.5), TimeProvider.System); // two looks
        Assert.Same(active, Revisions.Current);
        Assert.Equal(0, Status.Count(ReloadResult.Accepted) + Status.Count(ReloadResult.Refused) + Status.Count(ReloadResult.Unchanged));
    }

    [Fact]
    public async Task The_same_fault_is_reported_once()
    {
        await File.WriteAllTextAsync(FileName, "nonsense");
        await RefusedAsync();
        await File.WriteAllTextAsync(FileName, "nonsense");
        await Task.Delay(TimeSpan.FromSeconds(2.5), TimeProvider.System); // two looks
        Assert.Equal(1, Status.Count(ReloadResult.Refused));
    }

    [Fact]
    public async Task A_policy_that_changes_alone_applies_to_the_routes_that_name_it()
    {
        // YARP keeps the endpoint of a route whose own keys are unchanged, and with it whatever was attached to it.
        await File.WriteAllTextAsync(FileName, Limited(1));
        await Wait.UntilAsync(async () => await StatusAsync() == HttpStatusCode.TooManyRequests, "the limit bites");
        await File.WriteAllTextAsync(FileName, Limited(1000).Replace("\"old\"", "\"new\"", StringComparison.Ordinal));
        await Wait.UntilAsync(async () => await StatusAsync() == HttpStatusCode.OK, "the new limit admits");
    }

    [Fact]
    public async Task A_setting_that_needs_a_restart_is_taken_with_a_warning_and_the_running_value_stays()
    {
        var listening = Revisions.Current.Edge.Listen[0].Url;
        await File.WriteAllTextAsync(FileName, Two.Replace("[ \"http://127.0.0.1:", "[ \"http://127.0.0.2:", StringComparison.Ordinal));
        await ServesAsync("two");
        await Wait.UntilAsync(() => Status.Count(ReloadResult.Accepted) == 1, "the reload is reported");

        using var answer = JsonDocument.Parse(await _edge.Admin.GetStringAsync("/v1/config"));
        var reload = answer.RootElement.GetProperty("lastReload");
        Assert.True(reload.GetProperty("success").GetBoolean());
        var warning = reload.GetProperty("warnings")[0];
        Assert.Equal("restart_required", warning.GetProperty("code").GetString());
        Assert.Equal("$.Edge.Listen", warning.GetProperty("path").GetString());
        Assert.Equal((3, 5), (warning.GetProperty("line").GetInt32(), warning.GetProperty("column").GetInt32()));
        Assert.Equal(["Edge.Listen"], answer.RootElement.GetProperty("restartRequired").EnumerateArray().Select(s => s.GetString()));
        Assert.Equal(listening, Revisions.Current.Edge.Listen[0].Url);
    }

    private async Task<HttpStatusCode> StatusAsync() => (await _edge.Client.GetAsync("/")).StatusCode;

    private string Limited(int capacity) => Edge.Document($$"""
        "RateLimits": { "old": { "Limits": [ { "Name": "sec", "Capacity": {{capacity}}, "Refill": 1, "Every": "3600s" } ] } },
        {{Edge.OneRoute(_one.Address, "\"RateLimiterPolicy\": \"old\"")}}
        """);

    private Task ServesAsync(string answer) =>
        Wait.UntilAsync(async () => await _edge.Client.GetStringAsync("/") == answer, $"the edge serves \"{answer}\"");

    private Task SucceedsAsync() => Wait.UntilAsync(() => Status.Last.Success, "the reload counts as success");

    private Task RefusedAsync() => Wait.UntilAsync(() => !Status.Last.Success, "the change is refused");
}
