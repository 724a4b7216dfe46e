using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.Shedding;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>How many requests a route, a cluster and a destination have at once, who waits, and what the others are told.</summary>
public sealed class ConcurrencyTests
{
    private const string One = "\"Concurrency\": { \"Max\": 1 }";
    private const string OneAndOne = "\"Concurrency\": { \"Max\": 1, \"Queue\": 1, \"QueueTimeout\": \"1h\" }";

    private static string Two(string a, string b, string cluster, string route = "") => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } {{route}} } },
          "Clusters": { "up": { {{cluster}}, "CircuitBreaker": { "Enabled": false },
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}" } } } }
        }
        """;

    [Theory]
    [InlineData("route")]
    [InlineData("cluster")]
    [InlineData("destination")]
    public async Task One_more_than_may_be_under_way_is_refused_at_once_and_told_when_to_come_back(string level)
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            held.Address, level == "route" ? One : "",
            level == "cluster" ? One : level == "destination" ? "\"Concurrency\": { \"MaxPerDestination\": 1 }" : ""));
        var first = edge.Client.GetStringAsync("/", Wait.Deadline);
        await held.UntilInsideAsync(1);

        using var second = await edge.Client.GetAsync("/", Wait.Deadline);
        held.LetOneGo();

        Assert.Equal("held", await first);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "concurrency_limit"), (second.StatusCode, CodeOf(second)));
        Assert.Equal(TimeSpan.FromSeconds(1), second.Headers.RetryAfter!.Delta);
        Assert.Contains(
            "error=connection_limit_reached", Assert.Single(second.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        held.LetAllGo();
        Assert.Equal("held", await edge.Client.GetStringAsync("/", Wait.Deadline));
        Assert.Equal((1, 2), (held.Most, held.Hits));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Who_waits_gets_its_turn_in_order_and_one_more_than_may_wait_is_refused(bool isRoute)
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(held.Address, isRoute ? OneAndOne : "", isRoute ? "" : OneAndOne));
        var first = edge.Client.GetStringAsync("/", Wait.Deadline);
        await held.UntilInsideAsync(1);
        var second = edge.Client.GetStringAsync("/", Wait.Deadline);
        await UntilAsync(edge, isRoute, used: 1, queued: 1);

        Assert.Equal("concurrency_limit", CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));
        Assert.Equal(1, held.Hits);
        held.LetOneGo();
        Assert.Equal("held", await first);
        await held.UntilInsideAsync(1);
        Assert.Equal(2, held.Hits);
        await UntilAsync(edge, isRoute, used: 1, queued: 0);
        held.LetOneGo();

        Assert.Equal("held", await second);
        Assert.Equal(1, held.Most);
        await UntilAsync(edge, isRoute, used: 0, queued: 0);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_turn_that_does_not_come_ends_under_its_own_code(bool isRoute)
    {
        const string Short = "\"Concurrency\": { \"Max\": 1, \"Queue\": 5, \"QueueTimeout\": \"200ms\" }";
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(held.Address, isRoute ? Short : "", isRoute ? "" : Short));
        using var readings = new Readings(edge);
        var first = edge.Client.GetStringAsync("/", Wait.Deadline);
        await held.UntilInsideAsync(1);

        using var second = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "queue_timeout"), (second.StatusCode, CodeOf(second)));
        Assert.Equal(TimeSpan.FromSeconds(1), second.Headers.RetryAfter!.Delta);
        Assert.InRange(readings["edgeproxy_queue_wait_seconds{route=all}"], 0.15, 30);
        held.LetAllGo();
        Assert.Equal("held", await first);
        Assert.Equal(1, held.Hits);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task The_request_s_own_time_ends_its_waiting(bool isRoute)
    {
        await using var held = await Held.StartAsync();
        string Sections(string timeout) => Edge.OneRoute(
            held.Address, $"\"Timeout\": \"{timeout}\"" + (isRoute ? "," + OneAndOne : ""), isRoute ? "" : OneAndOne);
        await using var edge = await Edge.StartAsync(Sections("1h"));
        var first = edge.Client.GetStringAsync("/", Wait.Deadline);
        await held.UntilInsideAsync(1);
        await Reload.ApplyAsync(edge, Sections("300ms"));

        using var second = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal((HttpStatusCode.GatewayTimeout, "deadline_exceeded"), (second.StatusCode, CodeOf(second)));
        await UntilAsync(edge, isRoute, used: 1, queued: 0);
        held.LetAllGo();
        Assert.Equal("held", await first);
        Assert.Equal(1, held.Hits);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_client_that_leaves_leaves_the_queue(bool http2)
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(held.Address, OneAndOne), listen: http2 ? Edge.Http2Only : "\"http://127.0.0.1:0\"");
        using var client = new Http2Client(edge);
        Task<HttpResponseMessage> Get(CancellationToken until) => http2
            ? client.SendAsync(HttpMethod.Get, "/", until: until)
            : edge.Client.GetAsync("/", until);
        var first = Get(Wait.Deadline);
        await held.UntilInsideAsync(1);
        using var patience = new CancellationTokenSource();
        var second = Get(patience.Token);
        await UntilAsync(edge, isRoute: true, used: 1, queued: 1);

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await UntilAsync(edge, isRoute: true, used: 1, queued: 0);
        held.LetAllGo();
        Assert.Equal("held", await (await first).Content.ReadAsStringAsync());
        Assert.Equal(1, held.Hits);
    }

    [Fact]
    public async Task Over_HTTP_2_and_gRPC_it_is_said_in_their_way()
    {
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(held.Address, One), listen: Edge.Http2Only);
        using var client = new Http2Client(edge);
        var first = client.SendAsync(HttpMethod.Get, "/");
        await held.UntilInsideAsync(1);

        using var plain = await client.SendAsync(HttpMethod.Get, "/");
        using var call = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
        using var grpc = await client.SendAsync(HttpMethod.Post, "/", call);
        held.LetAllGo();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "concurrency_limit"), (plain.StatusCode, CodeOf(plain)));
        Assert.Equal((HttpStatusCode.OK, "14"), (grpc.StatusCode, Assert.Single(grpc.Headers.GetValues("grpc-status"))));
        Assert.Equal("concurrency_limit", Assert.Single(grpc.Headers.GetValues("edge-error-code")));
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
    }

    [Fact]
    public async Task A_destination_that_is_full_is_passed_over_and_when_all_are_the_next_waits_for_whichever_has_room_first()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"LoadBalancingPolicy\": \"FirstAlphabetical\", "
            + "\"Concurrency\": { \"MaxPerDestination\": 2, \"Queue\": 1, \"QueueTimeout\": \"1h\" }"));
        var requests = new List<Task<string>>();
        for (var i = 0; i < 4; i++)
        {
            requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
            await Wait.UntilAsync(() => a.Inside + b.Inside == requests.Count, "the request is held");
        }

        Assert.Equal((2, 2), (a.Inside, b.Inside));
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        await UntilAsync(edge, isRoute: false, used: 4, queued: 1);
        Assert.Equal("concurrency_limit", CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));

        b.LetOneGo();

        await Wait.UntilAsync(() => b.Hits == 3, "the one that waited is at b");
        a.LetAllGo();
        b.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
        Assert.Equal((2, 2), (a.Most, b.Most));
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task A_crowd_never_exceeds_the_bounds_and_all_of_it_is_answered()
    {
        await using var a = await Held.StartAsync();
        await using var b = await Held.StartAsync();
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"Concurrency\": { \"Max\": 5, \"MaxPerDestination\": 3, \"Queue\": 1000, \"QueueTimeout\": \"1h\" }"));
        var requests = Enumerable.Range(0, 200).Select(_ => edge.Client.GetStringAsync("/", Wait.Deadline)).ToList();
        while (a.Hits + b.Hits < 200)
        {
            a.LetOneGo();
            b.LetOneGo();
            await Task.Yield();
        }

        a.LetAllGo();
        b.LetAllGo();
        await Task.WhenAll(requests);

        Assert.InRange(a.Most, 1, 3);
        Assert.InRange(b.Most, 1, 3);
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task A_reload_keeps_what_is_counted_and_its_bounds_hold_at_once()
    {
        await using var held = await Held.StartAsync();
        string Sections(int max) =>
            Edge.OneRoute(held.Address, $"\"Concurrency\": {{ \"Max\": {max}, \"Queue\": 5, \"QueueTimeout\": \"1h\" }}");
        await using var edge = await Edge.StartAsync(Sections(1));
        var requests = new List<Task<string>> { edge.Client.GetStringAsync("/", Wait.Deadline) };
        await held.UntilInsideAsync(1);
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        requests.Add(edge.Client.GetStringAsync("/", Wait.Deadline));
        await UntilAsync(edge, isRoute: true, used: 1, queued: 2);

        await Reload.ApplyAsync(edge, Sections(2));
        await held.UntilInsideAsync(2);
        await UntilAsync(edge, isRoute: true, used: 2, queued: 1);
        await Reload.ApplyAsync(edge, Sections(1));
        held.LetOneGo();
        await UntilAsync(edge, isRoute: true, used: 1, queued: 1);
        await Reload.ApplyAsync(edge, Edge.OneRoute(held.Address));
        await held.UntilInsideAsync(2);

        held.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
    }

    [Fact]
    public async Task The_gate_of_a_route_that_goes_is_forgotten_with_the_reload_and_those_of_others_stay()
    {
        await using var held = await Held.StartAsync();
        string Sections(string routes) => $$"""
            "ReverseProxy": {
              "Routes": { {{routes}} }, "Clusters": { "up": { "Destinations": { "a": { "Address": "{{held.Address}}" } } } }
            }
            """;
        const string Stays = "\"stays\": { \"ClusterId\": \"up\", \"Match\": { \"Path\": \"/stays\" }, " + One + " }";
        const string Goes = "\"goes\": { \"ClusterId\": \"up\", \"Match\": { \"Path\": \"/goes\" }, " + One + " }";
        await using var edge = await Edge.StartAsync(Sections(Stays + "," + Goes));
        var gates = edge.Services.GetRequiredService<RouteGates>();
        var requests = new[] { edge.Client.GetStringAsync("/stays", Wait.Deadline), edge.Client.GetStringAsync("/goes", Wait.Deadline) };
        await held.UntilInsideAsync(2);
        var gate = gates.Find("stays");
        Assert.NotNull(gates.Find("GOES"));

        await Reload.ApplyAsync(edge, Sections(Stays));

        await Wait.UntilAsync(() => gates.Find("goes") is null, "the gate is forgotten");
        Assert.Same(gate, gates.Find("Stays"));
        Assert.Equal(1, gate!.Inside);
        held.LetAllGo();
        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("held", answer));
    }

    [Fact]
    public async Task A_WebSocket_and_an_answer_that_goes_on_count_until_they_end()
    {
        await using var echo = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(echo.Address, One));
        using (var socket = await WebSocketPeers.ConnectAsync(edge))
        {
            await WebSocketPeers.SendAsync(socket, "hi");
            await WebSocketPeers.ReceiveAsync(socket);
            Assert.Equal("concurrency_limit", CodeOf(await edge.Client.GetAsync("/ws", Wait.Deadline)));
            await UntilAsync(edge, isRoute: true, used: 1, queued: 0);
        }

        await UntilAsync(edge, isRoute: true, used: 0, queued: 0);
        var end = new TaskCompletionSource();
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            await end.Task;
        });
        await using var other = await Edge.StartAsync(Edge.OneRoute(slow.Address, cluster: One));
        using var answer = await other.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        Assert.Equal("concurrency_limit", CodeOf(await other.Client.GetAsync("/", Wait.Deadline)));
        end.SetResult();
        Assert.Equal("begun", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        await UntilAsync(other, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task A_lone_destination_that_is_full_of_this_very_request_is_tried_again()
    {
        var hits = 0;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref hits) == 1 ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, "\"Retry\": {}", "\"Concurrency\": { \"MaxPerDestination\": 1 }"));

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, upstream.Hits));
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    [Fact]
    public async Task The_room_of_an_attempt_that_was_overtaken_goes_to_who_waits_at_once()
    {
        var (head, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = true;
        await using var a = await Upstream.StartAsync(async context =>
        {
            if (first)
            {
                first = false;
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
            }

            await context.Response.WriteAsync("the next");
        });
        await using var b = await Upstream.StartAsync(async context =>
        {
            await head.Task;
            await context.Response.Body.FlushAsync();
            await end.Task;
            await context.Response.WriteAsync("overtook");
        });
        await using var edge = await Edge.StartAsync(Two(a.Address, b.Address,
            "\"LoadBalancingPolicy\": \"FirstAlphabetical\", \"RetryBudget\": { \"ReservePerSecond\": 1000 }, "
            + "\"Concurrency\": { \"MaxPerDestination\": 1, \"Queue\": 1, \"QueueTimeout\": \"1h\" }",
            ", \"Hedge\": { \"After\": \"20ms\" }"));
        var hedged = edge.Client.GetStringAsync("/", Wait.Deadline);
        await Wait.UntilAsync(() => a.Hits + b.Hits == 2, "it is at both");
        var waits = edge.Client.GetStringAsync("/", Wait.Deadline);
        await UntilAsync(edge, isRoute: false, used: 1, queued: 1);

        head.SetResult();

        Assert.Equal("the next", await waits);
        Assert.False(hedged.IsCompleted);
        end.SetResult();
        Assert.Equal("overtook", await hedged);
        await UntilAsync(edge, isRoute: false, used: 0, queued: 0);
    }

    private static async Task UntilAsync(Edge edge, bool isRoute, int used, int queued) => await Wait.UntilAsync(async () =>
    {
        using var answer = JsonDocument.Parse(await edge.Admin.GetStringAsync(isRoute ? "/v1/routes" : "/v1/clusters"));
        var gate = answer.RootElement[0].GetProperty("concurrency");
        return gate.GetProperty("inUse").GetInt32() == used && gate.GetProperty("queued").GetInt32() == queued;
    }, $"{used} are under way and {queued} wait");

    private static string CodeOf(HttpResponseMessage answer) =>
        Assert.Single(answer.Headers.GetValues("Proxy-Status")).Split("details=\"")[1].TrimEnd('"');
}
