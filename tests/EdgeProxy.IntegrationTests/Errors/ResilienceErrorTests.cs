using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>What the edge answers while it keeps trouble away from upstreams: over HTTP/1.1, HTTP/2 and gRPC alike.</summary>
public sealed class ResilienceErrorTests
{
    [Fact]
    public async Task A_cluster_that_is_cut_off_is_a_circuit_open()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: "\"CircuitBreaker\": { \"ConsecutiveFailures\": 1, \"OpenFor\": \"4m\" }"));
        await edge.Client.GetAsync("/");

        await UpstreamErrorTests.ExpectEverywhereAsync(edge, "circuit_open", 503, 14);
        Assert.Equal(1, upstream.Hits);
    }

    [Fact]
    public async Task A_budget_that_is_used_up_with_nothing_to_pass_on_is_its_own_error()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var edge = await Edge.StartAsync(Edge.OneRoute($"http://{taken.LocalEndPoint}/", "\"Retry\": {}", """
            "RetryBudget": { "Ratio": 0, "ReservePerSecond": 0 }, "CircuitBreaker": { "Enabled": false }
            """));

        await UpstreamErrorTests.ExpectEverywhereAsync(edge, "retry_budget_exhausted", 503, 14);
    }

    [Fact]
    public async Task A_cluster_with_nothing_up_has_no_healthy_destination()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/").Replace(
            "1/\" }", "1/\", \"State\": \"Down\" }", StringComparison.Ordinal));

        await UpstreamErrorTests.ExpectEverywhereAsync(edge, "no_healthy_destination", 503, 14);
    }

    [Fact]
    public async Task A_destination_that_does_not_accept_is_a_connect_timeout()
    {
        await using var upstream = RawUpstream.Start(connection => connection.StayAsync()); // never shakes hands
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address.Replace("http:", "https:", StringComparison.Ordinal),
            cluster: "\"Timeouts\": { \"Connect\": \"200ms\" }, \"CircuitBreaker\": { \"Enabled\": false }"));

        await UpstreamErrorTests.ExpectEverywhereAsync(edge, "upstream_connect_timeout", 504, 14);
    }

    [Fact]
    public async Task With_retries_the_last_failure_is_told()
    {
        await using var upstream = Faulty.Upstream("resets");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, "\"Retry\": { \"Attempts\": 2, \"Idempotent\": true }",
            "\"CircuitBreaker\": { \"Enabled\": false }, \"RetryBudget\": { \"ReservePerSecond\": 100 }"));

        await UpstreamErrorTests.ExpectEverywhereAsync(edge, "upstream_connection_reset", 502, 14);
    }
}
