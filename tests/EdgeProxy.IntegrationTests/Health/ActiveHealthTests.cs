using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Health;

/// <summary>Active checks: probes decide who gets requests.</summary>
public sealed class ActiveHealthTests
{
    private const string Often = """
        "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:00.100", "Timeout": "00:00:01", "Path": "/healthz" } }
        """;

    private const string Seldom = """
        "HealthCheck": { "Active": { "Enabled": true, "Interval": "01:00:00", "Timeout": "00:00:02", "Path": "/healthz" } }
        """;

    [Fact]
    public async Task A_destination_that_fails_its_probes_gets_no_requests_until_it_passes_one()
    {
        var sick = false;
        var requests = 0;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            var isProbe = context.Request.Path == "/healthz";
            context.Response.StatusCode = isProbe && Volatile.Read(ref sick) ? 500 : 200;
            Interlocked.Add(ref requests, isProbe ? 0 : 1);
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Often));
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);

        Volatile.Write(ref sick, true);
        await UntilStateAsync(edge, "unhealthy");
        var before = Volatile.Read(ref requests);
        var refused = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("no_healthy_destination", problem.GetProperty("code").GetString());
        Assert.Equal(before, Volatile.Read(ref requests));
        var unhealthy = await DestinationAsync(edge);
        Assert.Equal("probe answered 500", unhealthy.GetProperty("reason").GetString());

        Volatile.Write(ref sick, false);
        await UntilStateAsync(edge, "healthy");
        var healthy = await DestinationAsync(edge);
        Assert.Equal("probe answered 200", healthy.GetProperty("reason").GetString());
        Assert.True(healthy.GetProperty("since").GetDateTimeOffset() > unhealthy.GetProperty("since").GetDateTimeOffset());
        Assert.Equal(JsonValueKind.Null, unhealthy.GetProperty("until").ValueKind); // a probe has to pass
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("2", HttpProtocols.Http1)]
    [InlineData("2", HttpProtocols.Http2)]
    [InlineData("1.1", HttpProtocols.Http1)]
    public async Task A_health_page_on_its_own_port_is_probed_over_HTTP1_where_it_does_not_speak_HTTP2(string version, HttpProtocols spoken)
    {
        var protocols = new ConcurrentQueue<string>();
        var sick = false;
        await using var health = await Upstream.StartAsync(
            context =>
            {
                protocols.Enqueue(context.Request.Protocol);
                context.Response.StatusCode = Volatile.Read(ref sick) ? 500 : 200;
                return Task.CompletedTask;
            },
            spoken);
        await using var upstream = await Upstream.StartAsync(
            context => context.Response.WriteAsync(context.Request.Protocol), version == "2" ? HttpProtocols.Http2 : HttpProtocols.Http1);
        var cluster = $$"""{{Often}}, "HttpRequest": { "Version": "{{version}}", "VersionPolicy": "RequestVersionExact" }""";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: cluster)
            .Replace("\"Address\":", $"\"Health\": \"{health.Address}\", \"Address\":", StringComparison.Ordinal));

        await UntilStateAsync(edge, "healthy");
        Assert.Equal("HTTP/" + version, await edge.Client.GetStringAsync("/"));
        await Wait.UntilAsync(() => protocols.Count >= 3, "it is probed again");
        Assert.All(protocols, protocol => Assert.Equal(spoken == HttpProtocols.Http2 ? "HTTP/2" : "HTTP/1.1", protocol));

        Volatile.Write(ref sick, true);
        await UntilStateAsync(edge, "unhealthy");
        Assert.Equal("probe answered 500", (await DestinationAsync(edge)).GetProperty("reason").GetString());
    }

    [Theory]
    [InlineData("RequestVersionExact", 2, "before it could be used")]
    [InlineData("RequestVersionOrLower", 1, "The upstream closed the connection")]
    public async Task A_probe_that_fails_is_sent_again_only_over_another_protocol_and_tells_what_the_first_one_met(
        string policy, int connections, string reason)
    {
        await using var health = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            connection.Close();
        });
        await using var upstream = await Upstream.StartAsync();
        var cluster = $$"""{{Seldom}}, "HttpRequest": { "Version": "2", "VersionPolicy": "{{policy}}" }""";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: cluster)
            .Replace("\"Address\":", $"\"Health\": \"{health.Address}\", \"Address\":", StringComparison.Ordinal));

        await UntilStateAsync(edge, "unhealthy");

        Assert.Equal(connections, health.Connections);
        Assert.Contains(reason, (await DestinationAsync(edge)).GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_does_not_speak_the_protocol_of_its_cluster_is_not_healthy()
    {
        await using var upstream = await Upstream.StartAsync(); // HTTP/1.1 alone, and its health page is at the same port
        var cluster = Often + """, "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" }""";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: cluster)
            .Replace("\"Address\":", $"\"Health\": \"{upstream.Address}\", \"Address\":", StringComparison.Ordinal));

        await UntilStateAsync(edge, "unhealthy");
    }

    [Fact]
    public async Task A_failed_probe_that_changes_nothing_is_no_reason()
    {
        var (sick, probes) = (false, 0);
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Volatile.Read(ref sick) ? 500 : 200;
            Interlocked.Increment(ref probes);
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: Often + ", \"Metadata\": { \"ConsecutiveFailuresHealthPolicy.Threshold\": \"1000000\" }"));
        await UntilStateAsync(edge, "healthy");
        Volatile.Write(ref sick, true);
        var seen = Volatile.Read(ref probes);
        await Wait.UntilAsync(() => Volatile.Read(ref probes) > seen + 3, "probes fail");

        var destination = await DestinationAsync(edge);
        Assert.Equal("healthy", destination.GetProperty("state").GetString());
        Assert.Equal("probe answered 200", destination.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Probes_that_fail_in_turn_with_others_that_pass_are_not_failures_in_a_row()
    {
        var probes = 0;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref probes) % 2 == 0 ? 500 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Often));
        await UntilStateAsync(edge, "healthy");
        var since = (await DestinationAsync(edge)).GetProperty("since").GetDateTimeOffset();

        await Wait.UntilAsync(() => Volatile.Read(ref probes) > 9, "four probes have failed, and more have passed");

        var destination = await DestinationAsync(edge);
        Assert.Equal("healthy", destination.GetProperty("state").GetString());
        Assert.Equal(since, destination.GetProperty("since").GetDateTimeOffset());
    }

    [Fact]
    public async Task The_first_probe_decides_over_a_destination_that_has_never_been_healthy()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/", cluster: Seldom));
        await UntilStateAsync(edge, "unhealthy");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task A_destination_that_a_reload_brings_is_probed_at_once()
    {
        await using var first = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(first.Address, cluster: Seldom));
        await UntilStateAsync(edge, "healthy");

        await Reload.ApplyAsync(edge, Edge.OneRoute(first.Address, cluster: Seldom).Replace(
            "\"a\": {", "\"b\": { \"Address\": \"http://127.0.0.1:1/\" }, \"a\": {"));
        await UntilStateAsync(edge, "unhealthy", "b");
        await UntilStateAsync(edge, "healthy", "a");
    }

    [Fact]
    public async Task What_was_known_of_an_address_does_not_stick_to_the_next_one_under_the_same_id()
    {
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/", cluster: Seldom));
        await UntilStateAsync(edge, "unhealthy");

        await Reload.ApplyAsync(edge, Edge.OneRoute(good.Address, cluster: Seldom));
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode); // not even a probe is waited for
        await UntilStateAsync(edge, "healthy");
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 500 Sick\r\nContent-Length: 0\r\n\r\n")]
    public async Task A_probe_of_the_last_address_says_nothing_about_the_next_one(string answer)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probes = 0;
        await using var old = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            var isFirst = Interlocked.Increment(ref probes) == 1;
            await (isFirst ? Task.CompletedTask : release.Task);
            await connection.SendAsync(isFirst ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" : answer);
            connection.Close();
            if (!isFirst)
            {
                answered.TrySetResult();
            }
        });
        await using var good = await Upstream.StartAsync();
        var slow = Often.Replace("00:00:01", "00:01:00", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(old.Address, cluster: slow));
        await UntilStateAsync(edge, "healthy");
        await Wait.UntilAsync(() => Volatile.Read(ref probes) > 1, "a probe is under way");
        var log = Log.Of(edge);

        await Reload.ApplyAsync(edge, Edge.OneRoute(good.Address, cluster: slow));
        await UntilStateAsync(edge, "healthy");
        release.SetResult();
        await answered.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
        var seen = good.Hits;
        await Wait.UntilAsync(() => good.Hits >= seen + 3, "probes go on at the new address");

        Assert.DoesNotContain(log.Entries(LogLevel.Information), entry => entry.Contains("Unhealthy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Probes_have_connections_of_their_own_which_requests_cannot_use_up()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var probes = 0;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/healthz")
            {
                Interlocked.Increment(ref probes);
                return;
            }

            await context.Response.WriteAsync("a beginning");
            await context.Response.Body.FlushAsync();
            await release.Task;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: Often + ", \"HttpClient\": { \"MaxConnectionsPerServer\": 1 }"));
        using var slow = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);

        var seen = Volatile.Read(ref probes);
        await Wait.UntilAsync(() => Volatile.Read(ref probes) >= seen + 10, "ten more probes");
        await UntilStateAsync(edge, "healthy");
        release.SetResult();
    }

    [Fact]
    public async Task Gauges_show_destinations_by_state_and_forget_those_that_a_reload_removes()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Seldom).Replace(
            "\"a\": {", "\"b\": { \"Address\": \"http://127.0.0.1:1/\" }, \"a\": {"));
        using var readings = new Readings(edge);
        await UntilStateAsync(edge, "healthy", "a");
        await UntilStateAsync(edge, "unhealthy", "b");
        var gauges = readings.Gauges();
        Assert.Equal(1, gauges["edgeproxy_destinations{cluster=up,state=healthy}"]);
        Assert.Equal(1, gauges["edgeproxy_destinations{cluster=up,state=unhealthy}"]);
        Assert.Equal(0, gauges["edgeproxy_destinations{cluster=up,state=unknown}"]);
        Assert.Equal(1, gauges["edgeproxy_destination_up{cluster=up,destination=a}"]);
        Assert.Equal(0, gauges["edgeproxy_destination_up{cluster=up,destination=b}"]);

        await Reload.ApplyAsync(edge, Edge.OneRoute(upstream.Address).Replace("\"up\"", "\"other\""));
        Assert.All(readings.Gauges().Keys.Where(key => key.Contains("destination")), key => Assert.Contains("cluster=other", key));
    }

    internal static Task UntilStateAsync(Edge edge, string state, string destination = "a") => Wait.UntilAsync(
        async () => await DestinationAsync(edge, destination) is { ValueKind: JsonValueKind.Object } found
            && found.GetProperty("state").GetString() == state,
        $"{destination} is {state}");

    internal static async Task<JsonElement> DestinationAsync(Edge edge, string destination = "a")
    {
        var cluster = await edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/up");
        return cluster.GetProperty("destinations").EnumerateArray()
            .FirstOrDefault(found => found.GetProperty("id").GetString() == destination);
    }
}
