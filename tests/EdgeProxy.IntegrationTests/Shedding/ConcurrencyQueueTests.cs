using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;
using static EdgeProxy.IntegrationTests.Shedding.Bounded;

namespace EdgeProxy.IntegrationTests.Shedding;

/// <summary>Who waits for a turn at a route or a cluster, and how the waiting ends.</summary>
public sealed class ConcurrencyQueueTests
{
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

    [Fact]
    public async Task Time_in_the_queues_of_a_route_and_of_its_cluster_is_none_of_the_edge_s_own()
    {
        var second = TimeSpan.FromSeconds(1);
        await using var held = await Held.StartAsync();
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "one": { "ClusterId": "up", "Match": { "Path": "/one" }, {{OneAndOne}} },
                          "other": { "ClusterId": "up", "Match": { "Path": "/other" } } },
              "Clusters": { "up": { {{OneAndOne.Replace("\"Queue\": 1", "\"Queue\": 9")}},
                "Destinations": { "a": { "Address": "{{held.Address}}" } } } }
            }
            """);
        using var readings = new Readings(edge);
        var first = edge.Client.GetStringAsync("/one", Wait.Deadline);
        await held.UntilInsideAsync(1);
        var between = edge.Client.GetStringAsync("/other", Wait.Deadline);
        await UntilAsync(edge, isRoute: false, used: 1, queued: 1);
        var twice = edge.Client.GetStringAsync("/one", Wait.Deadline);
        await UntilAsync(edge, isRoute: true, used: 1, queued: 1);
        await PassAsync(second); // in the route's queue
        held.LetOneGo();
        await first;
        await held.UntilInsideAsync(1);
        await UntilAsync(edge, isRoute: false, used: 1, queued: 1);
        await PassAsync(second); // in the cluster's
        held.LetAllGo();
        await Task.WhenAll(between, twice);

        await Wait.UntilAsync(() => readings["edgeproxy_queue_wait_seconds{route=one}"] >= 1.9, "both waits are measured");
        Assert.InRange(readings["edgeproxy_overhead_seconds{route=one}"], 0, 0.9);

        static Task PassAsync(TimeSpan time)
        {
            var since = TimeProvider.System.GetTimestamp();
            return Wait.UntilAsync(() => TimeProvider.System.GetElapsedTime(since) >= time, "time has passed");
        }
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
}
