using System.Net;
using System.Net.WebSockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Metrics;

/// <summary>Each request is counted once, as what the client got.</summary>
public sealed class RequestMetricsTests
{
    private const string OnePerHour = """
        "RateLimits": { "tight": { "Limits": [ { "Name": "burst", "Capacity": 1, "Refill": 1, "Every": "3600s" } ] } },
        """;

    [Fact]
    public async Task The_failures_of_a_route_are_shown_at_zero_before_the_first_of_them_and_after_a_reload()
    {
        var sections = Edge.OneRoute("http://127.0.0.1:1/", "\"Match\": { \"Path\": \"/x\", \"Methods\": [ \"DELETE\" ] }").Replace(
            "\"Match\": { \"Path\": \"/{**rest}\" },", "", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        var scrape = await Scrape.OfAsync(edge);
        foreach (var code in new[] { "upstream_connection_refused", "circuit_open", "deadline_exceeded" })
        {
            Assert.Equal(0, scrape[$"edgeproxy_errors_total{{code=\"{code}\",route=\"all\"}}"]);
        }

        foreach (var method in new[] { "GET", "POST" })
        {
            Assert.Equal(0, scrape[$"edgeproxy_requests_total{{route=\"all\",method=\"{method}\",code=\"503\",made_by=\"edge\"}}"]);
            Assert.Equal(0, scrape[$"edgeproxy_requests_total{{route=\"all\",method=\"{method}\",code=\"500\",made_by=\"upstream\"}}"]);
        }

        await Reload.ApplyAsync(edge, sections.Replace("\"all\"", "\"other\"", StringComparison.Ordinal));
        await Scrape.UntilAsync(edge, "edgeproxy_errors_total{code=\"circuit_open\",route=\"other\"}", 0);
        Assert.Equal(
            0, (await Scrape.OfAsync(edge))["edgeproxy_requests_total{route=\"other\",method=\"DELETE\",code=\"502\",made_by=\"edge\"}"]);
    }

    [Fact]
    public async Task An_answer_of_the_upstream_is_counted_under_its_route_method_and_code()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 418;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        await edge.Client.GetAsync("/some/path?secret=1");
        using var odd = new HttpRequestMessage(new HttpMethod("PROPFIND"), "/");
        await edge.Client.SendAsync(odd);

        await Scrape.UntilAsync(edge, Requests("all", "_OTHER", 418, "upstream"), 1);
        var scrape = await Scrape.UntilAsync(edge, Requests("all", "GET", 418, "upstream"), 1);
        Assert.Equal(2, scrape["edgeproxy_request_duration_seconds_count{route=\"all\"}"]);
        Assert.Equal(2, scrape["edgeproxy_request_duration_seconds_bucket{route=\"all\",le=\"+Inf\"}"]);
        Assert.Equal(2, scrape["edgeproxy_overhead_seconds_count{route=\"all\"}"]);
        Assert.DoesNotContain("secret", scrape.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", scrape.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_edge_answers_is_made_by_the_edge()
    {
        const string Limited = """
            "ReverseProxy": {
              "Routes": { "dead": { "ClusterId": "dead", "Match": { "Path": "/dead" }, "RateLimiterPolicy": "tight" } },
              "Clusters": { "dead": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
            }
            """;
        await using var edge = await Edge.StartAsync(OnePerHour + Limited);

        Assert.Equal(HttpStatusCode.NotFound, (await edge.Client.GetAsync("/nowhere")).StatusCode);
        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/dead")).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await edge.Client.GetAsync("/dead")).StatusCode);

        await Scrape.UntilAsync(edge, Requests("(none)", "GET", 404, "edge"), 1);
        await Scrape.UntilAsync(edge, Requests("dead", "GET", 502, "edge"), 1);
        await Scrape.UntilAsync(edge, Requests("dead", "GET", 429, "edge"), 1);
    }

    [Theory, InlineData("1.1"), InlineData("2.0")]
    public async Task A_client_that_goes_away_is_a_499_and_in_flight_until_then(string version)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            arrived.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var log = Log.Of(edge);
        Assert.Equal(0, (await Scrape.OfAsync(edge))["edgeproxy_requests_in_flight{route=\"all\"}"]);

        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var answer = edge.Client.SendAsync(request, leave.Token);
        await arrived.Task.WaitAsync(Wait.Patience);
        Assert.Equal(1, (await Scrape.OfAsync(edge))["edgeproxy_requests_in_flight{route=\"all\"}"]);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);

        var scrape = await Scrape.UntilAsync(edge, Requests("all", "GET", 499, "edge"), 1);
        await Scrape.UntilAsync(edge, "edgeproxy_requests_in_flight{route=\"all\"}", 0);
        Assert.Equal(1, scrape["edgeproxy_errors_total{code=\"client_disconnected\",route=\"all\"}"]);
        Assert.DoesNotContain(scrape.Names, name => name.Contains("code=\"5", StringComparison.Ordinal) && scrape[name] > 0);
        Assert.Empty(log.Entries(LogLevel.Warning));
    }

    [Theory, InlineData(""), InlineData("\"NormalizeUpstreamErrors\": \"NonConforming\"")]
    public async Task A_499_that_the_upstream_answers_is_made_by_the_upstream(string route)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 499 Own\r\nContent-Length: 2\r\n\r\nno");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route));

        using var answer = await edge.Client.GetAsync("/");

        Assert.Equal(499, (int)answer.StatusCode);
        var scrape = await Scrape.UntilAsync(edge, Requests("all", "GET", 499, "upstream"), 1);
        Assert.Null(scrape[Requests("all", "GET", 499, "edge")]);
    }

    [Fact]
    public async Task A_client_that_closes_right_after_its_answer_is_no_499()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        for (var i = 0; i < 100; i++)
        {
            using var once = new HttpClient { BaseAddress = edge.Uri };
            await once.GetStringAsync("/");
        }

        await Scrape.UntilAsync(edge, Requests("all", "GET", 200, "upstream"), 100);
    }

    [Fact]
    public async Task A_WebSocket_is_in_flight_while_it_lasts_and_has_no_duration()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await socket.ReceiveAsync(new byte[16], context.RequestAborted);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));

        using (var client = new ClientWebSocket())
        {
            await client.ConnectAsync(new UriBuilder(edge.Uri) { Scheme = "ws" }.Uri, TestContext.Current.CancellationToken);
            await Scrape.UntilAsync(edge, "edgeproxy_requests_in_flight{route=\"all\"}", 1);
            await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        }

        var scrape = await Scrape.UntilAsync(edge, Requests("all", "GET", 101, "upstream"), 1);
        Assert.Equal(0, scrape["edgeproxy_requests_in_flight{route=\"all\"}"]);
        Assert.Null(scrape["edgeproxy_request_duration_seconds_count{route=\"all\"}"]);
    }

    [Fact]
    public async Task A_WebSocket_over_HTTP_2_has_no_duration_either()
    {
        await using var upstream = await WebSocketPeers.EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        using var peer = new Http2Client(edge);
        using var invoker = new HttpMessageInvoker(peer.Handler, disposeHandler: false);
        using (var socket = await WebSocketPeers.ConnectAsync(edge, HttpVersion.Version20, invoker))
        {
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Wait.Deadline);
        }

        var scrape = await Scrape.UntilAsync(edge, "edgeproxy_requests_in_flight{route=\"all\"}", 0);
        Assert.Contains("edgeproxy_requests_total{route=\"all\",method=\"CONNECT\"", scrape.Text, StringComparison.Ordinal);
        Assert.Null(scrape["edgeproxy_request_duration_seconds_count{route=\"all\"}"]);
    }

    private static string Requests(string route, string method, int code, string madeBy) =>
        $"edgeproxy_requests_total{{route=\"{route}\",method=\"{method}\",code=\"{code}\",made_by=\"{madeBy}\"}}";
}
