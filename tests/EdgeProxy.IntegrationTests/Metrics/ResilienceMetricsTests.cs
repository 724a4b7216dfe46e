using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Errors;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Metrics;

/// <summary>What trouble with destinations looks like in `/metrics`.</summary>
public sealed class ResilienceMetricsTests
{
    private static readonly string[] Outcomes =
    [
        "ok", "server_error", "dns", "refused", "connect_timeout", "connect_failed", "tls", "closed", "protocol_error", "timeout",
        "canceled", "failed", "edge_exhausted", "refused_stream",
    ];

    private static readonly string[] Skips = ["budget", "deadline", "body", "method", "started", "limit", "no_destination", "retry_after"];

    public static TheoryData<string, string, string> Attempts() => new()
    {
        { "answers", "", "ok" },
        { "answers 500", "", "server_error" },
        { "http://nobody.invalid/", "", "dns" },
        { "http://255.255.255.255:9/", "", "connect_failed" },
        { "refuses", "", "refused" },
        { "never shakes hands", "\"Timeouts\": { \"Connect\": \"300ms\" }", "connect_timeout" },
        { "speaks no TLS", "", "tls" },
        { "closes", "", "closed" },
        { "resets", "", "closed" },
        { "answers rubbish", "", "protocol_error" },
        { "is silent", "\"Timeouts\": { \"PerTry\": \"300ms\" }", "timeout" },
        { "is silent", "\"Timeouts\": { \"Idle\": \"300ms\" }", "timeout" },
    };

    [Theory, MemberData(nameof(Attempts))]
    public async Task An_attempt_is_counted_under_its_outcome_with_its_duration(string destination, string cluster, string outcome)
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var upstream = destination switch
        {
            "answers" => RawUpstream.Answering("HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n"),
            "answers 500" => RawUpstream.Answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
            "never shakes hands" => RawUpstream.Start(connection => connection.StayAsync()),
            "speaks no TLS" => RawUpstream.Start(async connection => await connection.SendAsync("220 mail\r\n")),
            _ when destination.StartsWith("http", StringComparison.Ordinal) || destination == "refuses" => RawUpstream.Answering(""),
            _ => Faulty.Upstream(destination),
        };
        var address = destination switch
        {
            "refuses" => $"http://{taken.LocalEndPoint}/",
            "never shakes hands" or "speaks no TLS" => upstream.Address.Replace("http:", "https:", StringComparison.Ordinal),
            _ => destination.StartsWith("http", StringComparison.Ordinal) ? destination : upstream.Address,
        };
        await using var edge = await Edge.StartAsync(Edge.OneRoute(address, cluster: cluster));
        var before = await Scrape.OfAsync(edge);
        Assert.All(Outcomes, one => Assert.Equal(0, before[$"edgeproxy_attempts_total{{cluster=\"up\",outcome=\"{one}\"}}"]));
        Assert.All(Skips, one => Assert.Equal(0, before[$"edgeproxy_retries_skipped_total{{cluster=\"up\",reason=\"{one}\"}}"]));

        using var _ = await edge.Client.GetAsync("/", Wait.Deadline);

        var scrape = await Scrape.UntilAsync(edge, "edgeproxy_upstream_duration_seconds_count{cluster=\"up\"}", 1);
        Assert.Equal(1, scrape[$"edgeproxy_attempts_total{{cluster=\"up\",outcome=\"{outcome}\"}}"]);
        Assert.Equal(Outcomes.Order(), Labels(scrape, "edgeproxy_attempts_total", "outcome"));
        Assert.Equal(Skips.Order(), Labels(scrape, "edgeproxy_retries_skipped_total", "reason"));
    }

    [Fact]
    public async Task A_retry_that_finds_all_shut_or_all_used_up_says_which()
    {
        await using var bad = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            bad.Address, "\"Retry\": { \"Attempts\": 2 }", "\"CircuitBreaker\": { \"ConsecutiveFailures\": 5 }"), ManyClients.Trusted);
        using var clients = ManyClients.InTurn(edge);
        await clients.GetAsync("/");
        await clients.GetAsync("/");
        await clients.GetAsync("/"); // whose first attempt opens the breaker

        var scrape = await Scrape.UntilAsync(edge, "edgeproxy_retries_skipped_total{cluster=\"up\",reason=\"no_destination\"}", 1);
        Assert.Equal(2, scrape["edgeproxy_retries_skipped_total{cluster=\"up\",reason=\"limit\"}"]);
        Assert.Equal(5, scrape["edgeproxy_upstream_duration_seconds_count{cluster=\"up\"}"]); // one each attempt
        Assert.Equal(2, scrape["edgeproxy_retries_total{cluster=\"up\",reason=\"status\"}"]);
    }

    [Fact]
    public async Task Breakers_ejections_drains_and_panic_are_there_from_the_start_and_show_what_is()
    {
        await using var a = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var b = await Upstream.StartAsync("b");
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
              "Clusters": { "up": { "LoadBalancingPolicy": "RoundRobin", "PanicThreshold": 0.9, "Destinations": {
                "a": { "Address": "{{a.Address}}" }, "b": { "Address": "{{b.Address}}" }, "c": { "Address": "{{b.Address}}" } } } }
            }
            """);
        var calm = await Scrape.OfAsync(edge);
        Assert.All(["", "a", "b", "c"], destination => Assert.Equal(0, calm[Breaker(destination)]));
        Assert.All(
            ["healthy", "unhealthy", "unknown", "draining", "ejected", "down"],
            state => Assert.Equal(state == "unknown" ? 3 : 0, calm[Destinations(state)]));
        Assert.Equal(0, calm["edgeproxy_panic{cluster=\"up\"}"]);

        await Wait.UntilAsync(
            async () =>
            {
                using var one = await edge.Client.GetAsync("/");
                return (await Scrape.OfAsync(edge))[Breaker("a")] == 1;
            },
            "a is ejected");
        await edge.Admin.PutAsJsonAsync("/v1/clusters/up/destinations/c/state", new { state = "Draining" });
        var scrape = await Scrape.UntilAsync(edge, Destinations("draining"), 1);
        Assert.Equal((1, 1), (scrape[Destinations("ejected")], scrape[Destinations("unknown")]));
        Assert.Equal(1, scrape["edgeproxy_panic{cluster=\"up\"}"]);
        Assert.Equal((0, 1, 0), (scrape[Breaker("")], scrape[Breaker("a")], scrape[Breaker("b")]));
        Assert.Equal(1, scrape["edgeproxy_breaker_transitions_total{cluster=\"up\",destination=\"a\"}"]);
        await Promtool.AcceptsAsync(scrape);

        using var answer = await edge.Client.GetAsync("/");
        Assert.Equal("edgeproxy; details=\"panic\"", Assert.Single(answer.Headers.GetValues("Proxy-Status")));
        await edge.Admin.PutAsJsonAsync("/v1/clusters/up/destinations/a/state", new { state = "Down" });
        await Scrape.UntilAsync(edge, "edgeproxy_panic{cluster=\"up\"}", 0);
        using var after = await edge.Client.GetAsync("/");
        Assert.False(after.Headers.Contains("Proxy-Status"));
    }

    private static string Breaker(string destination) => $"edgeproxy_breaker_state{{cluster=\"up\",destination=\"{destination}\"}}";

    private static string Destinations(string state) => $"edgeproxy_destinations{{cluster=\"up\",state=\"{state}\"}}";

    private static IEnumerable<string> Labels(Scrape scrape, string metric, string label) => scrape.Names
        .Where(name => name.StartsWith(metric + "{", StringComparison.Ordinal))
        .Select(name => name.Split(label + "=\"")[1].Split('"')[0])
        .Order();
}
