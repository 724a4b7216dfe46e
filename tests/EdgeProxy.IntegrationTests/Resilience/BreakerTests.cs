using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;
using static EdgeProxy.IntegrationTests.Resilience.Breaking;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>When clusters are cut off, and what brings them back.</summary>
public sealed class BreakerTests
{
    [Fact]
    public async Task A_lone_destination_is_cut_off_for_a_while_with_a_code_and_a_time_to_come_back()
    {
        await using var a = await Upstream.StartAsync(Status(503));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address), ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);
        var log = Log.Of(edge);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await clients.GetAsync("/")).StatusCode);
        }

        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 6);
        Assert.Contains("\"circuit_open\"", await answer.Content.ReadAsStringAsync());
        Assert.Equal(5, a.Hits);
        var said = Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        Assert.Contains("Cluster up is Open", said);
        Assert.Contains("5 failures in a row, the last: status 503", said);
        Assert.Equal(("open", "closed"), await StatesAsync(edge));
        var metrics = await edge.Admin.GetStringAsync("/metrics");
        Assert.Contains("edgeproxy_breaker_state{cluster=\"up\",destination=\"\"} 1", metrics);
        Assert.Contains("edgeproxy_breaker_transitions_total{cluster=\"up\",destination=\"\"} 1", metrics);
        Assert.Contains("edgeproxy_destinations{cluster=\"up\",state=\"ejected\"} 0", metrics);
    }

    [Fact]
    public async Task A_failed_gRPC_call_is_named_by_its_own_status()
    {
        await using var a = await Upstream.StartAsync(
            context =>
            {
                (context.Response.ContentType, context.Response.Headers["grpc-status"]) = ("application/grpc", "14");
                return Task.CompletedTask;
            }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(a.Address, cluster: "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"),
            ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);
        await OpenAsync(edge, clients);
        Assert.EndsWith(
            "5 failures in a row, the last: grpc-status 14",
            (await ClusterAsync(edge)).GetProperty("breaker").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_state_says_since_when_and_until_when_it_is_so_and_why_only_as_long_as_it_is()
    {
        var healed = false;
        await using var a = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Volatile.Read(ref healed) ? 200 : 503;
            return Task.CompletedTask;
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(a.Address, b.Address, c.Address, """
            "CircuitBreaker": { "RecoverOver": "1s" }, "Ejection": { "Base": "3s", "Max": "3s" }
            """), ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);
        var first = await DestinationAsync(edge, 0);
        Assert.Equal(("unknown", null, null), (Word(first, "state"), Time(first, "until"), Word(first, "reason")));
        Assert.Equal((null, null, null), Breaker(first));
        var before = Time(first, "since")!.Value;

        var ejected = first;
        await LoadUntilAsync(edge, async () => Word(ejected = await DestinationAsync(edge, 0), "state") == "ejected", clients);
        var (since, until) = (Time(ejected, "since")!.Value, Time(ejected, "until")!.Value);
        Assert.True(since > before);
        Assert.InRange((until - since).TotalSeconds, 2.6, 3.4); // chance changes it by a tenth
        Assert.Equal("5 failures in a row, the last: status 503", Word(ejected, "reason"));
        Assert.Equal("5 failures in a row, the last: status 503", Breaker(ejected).Reason);
        Assert.Equal(until, Breaker(ejected).Until);
        Assert.InRange((since - Breaker(ejected).Since!.Value).TotalSeconds, 0, 1);

        Volatile.Write(ref healed, true);
        var closed = ejected;
        await LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item2 == "recovering");
        await LoadUntilAsync(edge, async () =>
            Word((closed = await DestinationAsync(edge, 0)).GetProperty("breaker"), "state") == "closed");
        Assert.Equal(("unknown", null, null), (Word(closed, "state"), Time(closed, "until"), Word(closed, "reason")));
        Assert.InRange(Time(closed, "since")!.Value, until.AddSeconds(-0.1), Breaker(closed).Since!.Value);
        Assert.Equal((null, null), (Breaker(closed).Until, Breaker(closed).Reason));
        Assert.Equal(before, Time(await DestinationAsync(edge, 1), "since")!.Value, TimeSpan.FromSeconds(1));

        static string? Word(JsonElement of, string name) => of.GetProperty(name).GetString();

        static DateTimeOffset? Time(JsonElement of, string name) => of.GetProperty(name).Deserialize<DateTimeOffset?>();

        static (DateTimeOffset? Since, DateTimeOffset? Until, string? Reason) Breaker(JsonElement of) =>
            (Time(of.GetProperty("breaker"), "since"), Time(of.GetProperty("breaker"), "until"), Word(of.GetProperty("breaker"), "reason"));
    }

    [Fact]
    public async Task Half_open_lets_one_request_at_a_time_through_to_the_destination_whoever_else_comes()
    {
        var (healed, busy, most) = (false, 0, 0);
        await using var a = await Upstream.StartAsync(async context =>
        {
            if (!healed)
            {
                context.Response.StatusCode = 503;
                return;
            }

            var now = Interlocked.Increment(ref busy);
            most = Math.Max(most, now);
            await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System);
            Interlocked.Decrement(ref busy);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address, cluster: Quick));
        await OpenAsync(edge);
        healed = true;

        var (rejected, stop) = (0, false);
        var clients = Enumerable.Range(0, 200).Select(async _ =>
        {
            while (!Volatile.Read(ref stop))
            {
                using var answer = await edge.Client.GetAsync("/");
                rejected += answer.StatusCode == HttpStatusCode.ServiceUnavailable ? 1 : 0;
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            }
        }).ToList();
        var seen = 0;
        await Wait.UntilAsync(
            async () =>
            {
                var soFar = Volatile.Read(ref most); // first: what comes after the state was read may belong to the next
                var (state, _) = await StatesAsync(edge);
                seen = state is "open" or "halfopen" ? soFar : seen;
                return state is "recovering" or "closed";
            }, "three probes succeed");
        Volatile.Write(ref stop, true);
        await Task.WhenAll(clients);
        Assert.Equal(1, seen);
        Assert.True(rejected > 100);
    }

    [Fact]
    public async Task Some_pages_that_fail_close_nothing()
    {
        await using var a = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/broken" ? 500 : context.Request.Path == "/none" ? 404 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address));
        for (var i = 0; i < 60; i++)
        {
            await edge.Client.GetAsync(i % 5 == 0 ? "/broken" : i % 5 == 1 ? "/none" : "/");
        }

        Assert.Equal(60, a.Hits);
        Assert.Equal(("closed", "closed"), await StatesAsync(edge));
    }

    [Fact]
    public async Task WebSockets_that_a_destination_cannot_speak_close_nothing()
    {
        await using var nginx = await ServerProcess.NginxHttp2Async();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(nginx.Address, cluster: """
            "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" },
            "HealthCheck": { "Passive": { "Enabled": true } }
            """));
        for (var i = 0; i < 20; i++)
        {
            await Assert.ThrowsAsync<WebSocketException>(() => WebSocketPeers.ConnectAsync(edge));
        }

        Assert.Equal("nginx", await edge.Client.GetStringAsync("/"));
        Assert.Equal(("closed", "closed"), await StatesAsync(edge));
    }

    [Fact]
    public async Task A_probe_that_is_meant_to_last_does_not_keep_the_cluster_shut()
    {
        var (healed, asked, over) = (false, new TaskCompletionSource(), new TaskCompletionSource());
        await using var a = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = healed ? 200 : 503;
            if (context.Request.Path == "/poll")
            {
                asked.SetResult();
                await over.Task;
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address, cluster: Quick));
        await OpenAsync(edge);
        healed = true;
        await Wait.UntilAsync(async () => (await StatesAsync(edge)).Item1 == "halfopen", "the breaker is half-open");
        var poll = edge.Client.GetAsync("/poll");
        await asked.Task.WaitAsync(Wait.Deadline);
        await LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item1 == "closed");
        Assert.False(poll.IsCompleted);
        over.SetResult();
        await poll;
    }

    [Fact]
    public async Task A_reload_keeps_a_breaker_whose_settings_and_address_stay_and_makes_others_anew()
    {
        await using var a = await Upstream.StartAsync(Status(503));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address));
        await OpenAsync(edge);
        await Reload.ApplyAsync(edge, Edge.OneRoute(a.Address, cluster: "\"LoadBalancingPolicy\": \"Random\""));
        Assert.Equal(("open", "closed"), await StatesAsync(edge));
        await Reload.ApplyAsync(edge, Edge.OneRoute(a.Address, cluster: "\"CircuitBreaker\": { \"Enabled\": false }"));
        Assert.Equal(("closed", "closed"), await StatesAsync(edge));
        var before = a.Hits;
        for (var i = 0; i < 30; i++)
        {
            await edge.Client.GetAsync("/");
        }

        Assert.Equal(before + 30, a.Hits);
    }

    [Fact]
    public async Task With_all_destinations_failing_the_cluster_is_cut_off_and_every_answer_has_a_code()
    {
        await using var edge = await Edge.StartAsync(Three("http://127.0.0.1:1/", "http://127.0.0.1:1/", "http://127.0.0.1:1/", Quick));
        await LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item1 == "open");
        using var answer = await edge.Client.GetAsync("/");
        Assert.Contains("\"circuit_open\"", await answer.Content.ReadAsStringAsync());
    }
}
