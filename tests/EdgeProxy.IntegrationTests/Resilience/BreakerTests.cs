using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Breakers of clusters and destinations, with destinations that really misbehave.</summary>
public sealed class BreakerTests
{
    private const string Quick = """
        "CircuitBreaker": { "OpenFor": "500ms", "OpenForMax": "1s", "RecoverOver": "1s" }, "Ejection": { "Base": "500ms", "Max": "1s" }
        """;

    [Fact]
    public async Task A_lone_destination_is_cut_off_for_a_while_with_a_code_and_a_time_to_come_back()
    {
        await using var a = await Upstream.StartAsync(Status(503));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(a.Address));
        var log = Log.Of(edge);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await edge.Client.GetAsync("/")).StatusCode);
        }

        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 6);
        Assert.Contains("\"circuit_open\"", await answer.Content.ReadAsStringAsync());
        Assert.Equal(5, a.Hits);
        var said = Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("Breaker of", StringComparison.Ordinal));
        Assert.Contains("Cluster up is Open", said);
        Assert.Contains("5 failures in a row", said);
        Assert.Equal(("open", "closed"), await StatesAsync(edge));
        var metrics = await edge.Admin.GetStringAsync("/metrics");
        Assert.Contains("edgeproxy_breaker_state{cluster=\"up\",destination=\"\"} 1", metrics);
        Assert.Contains("edgeproxy_breaker_transitions_total{cluster=\"up\",destination=\"\"} 1", metrics);
        Assert.Contains("edgeproxy_destinations{cluster=\"up\",state=\"ejected\"} 0", metrics);
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
            """));
        var first = await DestinationAsync(edge, 0);
        Assert.Equal(("unknown", null, null), (Word(first, "state"), Time(first, "until"), Word(first, "reason")));
        Assert.Equal((null, null, null), Breaker(first));
        var before = Time(first, "since")!.Value;

        var ejected = first;
        await LoadUntilAsync(edge, async () => Word(ejected = await DestinationAsync(edge, 0), "state") == "ejected");
        var (since, until) = (Time(ejected, "since")!.Value, Time(ejected, "until")!.Value);
        Assert.True(since > before);
        Assert.InRange((until - since).TotalSeconds, 2.6, 3.4); // chance changes it by a tenth
        Assert.Equal("5 failures in a row", Word(ejected, "reason"));
        Assert.Equal("5 failures in a row", Breaker(ejected).Reason);
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

    [Theory]
    [InlineData("500")]
    [InlineData("reset")]
    [InlineData("hang")]
    [InlineData("garbage")]
    [InlineData("truncated")]
    public async Task One_of_three_that_misbehaves_is_left_out_and_comes_back_when_it_has_healed(string trouble)
    {
        var healed = false;
        await using var bad = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is not null)
            {
                switch (Volatile.Read(ref healed) ? "" : trouble)
                {
                    case "":
                        await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
                        continue;
                    case "500":
                        await connection.SendAsync("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
                        continue;
                    case "garbage":
                        await connection.SendAsync("NOT HTTP AT ALL\r\n\r\n");
                        return;
                    case "truncated":
                        await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nhalf");
                        return;
                    case "hang":
                        await connection.StayAsync();
                        return;
                    default:
                        connection.Reset();
                        return;
                }
            }
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(
            bad.Address, b.Address, c.Address, Quick + ", \"HttpRequest\": { \"ActivityTimeout\": \"300ms\" }", ", \"Timeout\": \"10m\""));
        await LoadUntilAsync(edge, async () => (await DestinationAsync(edge, 0)).GetProperty("state").GetString() == "ejected");
        Assert.True((await DestinationAsync(edge, 1)).GetProperty("available").GetBoolean());

        Volatile.Write(ref healed, true);
        await LoadUntilAsync(edge, async () =>
            (await DestinationAsync(edge, 0)).GetProperty("breaker").GetProperty("state").GetString() == "closed");
        await LoadUntilAsync(edge, async () => await edge.Client.GetStringAsync("/") == "bad");
    }

    [Fact]
    public async Task A_destination_that_drips_its_answers_is_left_out_and_a_head_does_not_bring_it_back()
    {
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n");
            while (true)
            {
                await connection.SendAsync("b");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(bad.Address, b.Address, c.Address, Quick, ", \"Timeout\": \"700ms\""));
        var log = Log.Of(edge);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => LoadUntilAsync(edge, () => Task.FromResult(
            log.Entries(LogLevel.Warning).Count(entry => entry.Contains("its probe failed", StringComparison.Ordinal)) > 1))));
        Assert.DoesNotContain(log.Entries(LogLevel.Information), entry => entry.Contains("Recovering", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_PerTry_dripping_answers_count_before_the_route_s_time_is_over()
    {
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\nb");
            await connection.StayAsync();
        });
        await using var b = await Upstream.StartAsync("good");
        await using var c = await Upstream.StartAsync("good");
        await using var edge = await Edge.StartAsync(Three(
            bad.Address, b.Address, c.Address, Quick, ", \"Timeout\": \"10m\", \"Timeouts\": { \"PerTry\": \"200ms\" }"));

        var loads = Enumerable.Range(0, 12).Select(_ => edge.Client.GetAsync("/")).ToList();
        await Wait.UntilAsync(async () =>
        {
            loads.Add(edge.Client.GetAsync("/"));
            return (await DestinationAsync(edge, 0)).GetProperty("state").GetString() == "ejected";
        }, "the destination is ejected");
        edge.Client.CancelPendingRequests();
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
    public async Task In_a_panic_ejected_destinations_get_requests_too_and_the_log_says_so_once()
    {
        await using var a = await Upstream.StartAsync(Status(503));
        await using var b = await Upstream.StartAsync("b");
        await using var c = await Upstream.StartAsync("c");
        await using var edge = await Edge.StartAsync(Three(a.Address, b.Address, c.Address, "\"PanicThreshold\": 0.9"));
        var log = Log.Of(edge);
        await LoadUntilAsync(edge, async () => (await ClusterAsync(edge)).GetProperty("panic").GetBoolean());
        var before = a.Hits;
        await LoadUntilAsync(edge, () => Task.FromResult(a.Hits > before + 5));
        Assert.Equal("ejected", (await DestinationAsync(edge, 0)).GetProperty("state").GetString());
        Assert.Single(log.Entries(LogLevel.Warning), entry => entry.Contains("Panic in cluster up", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_all_destinations_failing_the_cluster_is_cut_off_and_every_answer_has_a_code()
    {
        await using var edge = await Edge.StartAsync(Three("http://127.0.0.1:1/", "http://127.0.0.1:1/", "http://127.0.0.1:1/", Quick));
        await LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item1 == "open");
        using var answer = await edge.Client.GetAsync("/");
        Assert.Contains("\"circuit_open\"", await answer.Content.ReadAsStringAsync());
    }

    private static RequestDelegate Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    private static string Three(string a, string b, string c, string cluster, string route = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } {{route}} } },
          "Clusters": { "up": { "LoadBalancingPolicy": "RoundRobin", "Destinations": {
            "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" }, "c": { "Address": "{{c}}" } }, {{cluster}} } }
        }
        """;

    private static Task OpenAsync(Edge edge) =>
        LoadUntilAsync(edge, async () => (await StatesAsync(edge)).Item1 == "open");

    /// <summary>Sends requests, four at a time, until something has come of it.</summary>
    private static Task LoadUntilAsync(Edge edge, Func<Task<bool>> condition) => Wait.UntilAsync(
        async () =>
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
            {
                try
                {
                    using var answer = await edge.Client.GetAsync("/");
                }
                catch (HttpRequestException)
                {
                    // An answer that broke off.
                }
            }));
            return await condition();
        }, "the breaker does what it should");

    private static Task<JsonElement> ClusterAsync(Edge edge) => edge.Admin.GetFromJsonAsync<JsonElement>("/v1/clusters/up");

    private static async Task<JsonElement> DestinationAsync(Edge edge, int index) =>
        (await ClusterAsync(edge)).GetProperty("destinations")[index];

    /// <summary>State of the cluster's breaker and of its first destination's.</summary>
    private static async Task<(string?, string?)> StatesAsync(Edge edge)
    {
        var cluster = await ClusterAsync(edge);
        return (StateOf(cluster), StateOf(cluster.GetProperty("destinations")[0]));
    }

    private static string? StateOf(JsonElement view) => view.GetProperty("breaker").GetProperty("state").GetString();
}
