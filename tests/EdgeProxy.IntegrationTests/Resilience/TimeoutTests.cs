using EdgeProxy.IntegrationTests.Peers;
using EdgeProxy.IntegrationTests.Protocols;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>Who is waited for, and for how long. The codes of destinations that are silent are in UpstreamErrorTests.</summary>
public sealed class TimeoutTests
{
    private static RawUpstream Silent() => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        await connection.StayAsync();
    });

    [Fact]
    public async Task A_connection_that_is_not_made_in_time_is_a_connect_timeout()
    {
        await using var upstream = RawUpstream.Start(connection => connection.StayAsync()); // accepts, and never shakes hands
        var address = upstream.Address.Replace("http:", "https:", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(address, cluster: "\"Timeouts\": { \"Connect\": \"300ms\" }"));

        Assert.Equal("upstream_connect_timeout", CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));
    }

    [Fact]
    public async Task A_changed_connect_timeout_is_taken_by_a_reload()
    {
        await using var upstream = RawUpstream.Start(connection => connection.StayAsync());
        var address = upstream.Address.Replace("http:", "https:", StringComparison.Ordinal);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(address, cluster: "\"Timeouts\": { \"Connect\": \"1h\" }"));

        await Reload.ApplyAsync(edge, Edge.OneRoute(address, cluster: "\"Timeouts\": { \"Connect\": \"300ms\" }"));

        Assert.Equal("upstream_connect_timeout", CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));
    }

    [Theory]
    [InlineData("\"Idle\": \"300ms\"", "upstream_idle_timeout", "Idle")]
    [InlineData("\"PerTry\": \"300ms\"", "upstream_response_timeout", "PerTry")]
    [InlineData("\"PerTry\": \"1h\", \"ResponseHeaders\": \"300ms\"", "upstream_response_timeout", "ResponseHeaders")]
    public async Task A_route_s_timeouts_replace_its_cluster_s(string route, string code, string setting)
    {
        await using var upstream = Silent();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, $"\"Timeouts\": {{ {route} }}", "\"Timeouts\": { \"Idle\": \"1h\", \"PerTry\": \"1h\" }"));
        var log = Log.Of(edge);

        Assert.Equal(code, CodeOf(await edge.Client.GetAsync("/", Wait.Deadline)));

        Assert.Contains(log.Entries(LogLevel.Warning), line => line.Contains($"Timeouts.{setting} was over", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_route_that_writes_any_has_none_of_its_cluster_s()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(700), TimeProvider.System, context.RequestAborted);
            await context.Response.WriteAsync("late");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address,
            "\"Timeouts\": { \"PerTry\": \"1h\" }",
            "\"Timeouts\": { \"Idle\": \"50ms\", \"ResponseHeaders\": \"50ms\" }"));

        Assert.Equal("late", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Fact]
    public async Task The_head_s_time_is_not_the_body_s()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Response.Body.FlushAsync();
            await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, context.RequestAborted);
            await context.Response.WriteAsync("late");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: "\"Timeouts\": { \"PerTry\": \"1s\", \"ResponseHeaders\": \"1s\" }"));

        Assert.Equal("late", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Theory, InlineData("PerTry"), InlineData("ResponseHeaders")]
    public async Task A_client_that_sends_slowly_does_not_use_up_the_destination_s_time(string key)
    {
        await using var upstream = await Upstream.StartAsync(
            async context => await context.Request.Body.CopyToAsync(context.Response.Body));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: $"\"Timeouts\": {{ \"{key}\": \"1s\" }}"));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
        foreach (var part in new[] { "a", "b", "c" })
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, Wait.Deadline);
            await client.SendAsync(part);
        }

        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory, InlineData("PerTry"), InlineData("ResponseHeaders")]
    public async Task Once_a_body_is_through_the_destination_s_time_runs(string key)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: $"\"Timeouts\": {{ \"{key}\": \"300ms\" }}"));

        Assert.Equal("upstream_response_timeout", CodeOf(
            await edge.Client.PostAsync("/", new StringContent("body"), Wait.Deadline)));
    }

    [Fact]
    public async Task A_client_that_is_waited_for_when_the_route_s_time_is_up_is_a_408()
    {
        await using var upstream = Silent();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Timeout\": \"500ms\""));
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
        Assert.StartsWith("HTTP/1.1 408 ", await client.ReadHeadAsync(), StringComparison.Ordinal);

        using var http2 = new Http2Client(edge);
        using var answer = await http2.SendAsync(HttpMethod.Post, "/", new EndlessBody(3, TimeSpan.FromHours(1)));
        Assert.Equal("request_timeout", CodeOf(answer));
    }

    [Theory]
    [InlineData("300m", "")]
    [InlineData("300000u", "\"Timeout\": \"1h\"")]
    public async Task A_gRPC_client_s_own_deadline_ends_a_call_that_is_waited_for(string timeout, string route)
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted), HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route,
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));
        using var http2 = new Http2Client(edge);
        var call = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
        call.Headers.TryAddWithoutValidation("grpc-timeout", timeout);

        using var answer = await http2.SendAsync(HttpMethod.Post, "/", call);

        Assert.Equal("4", Assert.Single(answer.Headers.GetValues("grpc-status")));
        Assert.Equal("deadline_exceeded", Assert.Single(answer.Headers.GetValues("edge-error-code")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deadlines_that_gRPC_clients_set_open_no_breaker(bool answers)
    {
        await using var upstream = await Upstream.StartAsync(
            async context =>
            {
                if (!answers)
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
                }

                context.Response.ContentType = "application/grpc";
                context.Response.Headers["grpc-status"] = "4";
            }, HttpProtocols.Http2);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: """
            "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" },
            "CircuitBreaker": { "MinimumRequests": 5 }, "HealthCheck": { "Passive": { "Enabled": true } }
            """));
        using var http2 = new Http2Client(edge);
        for (var i = 0; i < 20; i++)
        {
            var call = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new("application/grpc") } };
            call.Headers.TryAddWithoutValidation("grpc-timeout", answers ? "1M" : "20m");
            using var answer = await http2.SendAsync(HttpMethod.Post, "/", call);
            Assert.Equal("4", Assert.Single(answer.Headers.GetValues("grpc-status")));
        }

        Assert.DoesNotContain("edgeproxy_breaker_transitions_total{", await edge.Admin.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task A_gRPC_call_within_its_deadline_is_not_disturbed_by_one_that_is_no_deadline()
    {
        await using var upstream = await GrpcUpstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster:
            "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));
        using var channel = GrpcChannel.ForAddress(edge.Address);
        var client = new Talk.TalkClient(channel);

        var later = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1);
        Assert.Equal("hi", (await client.OnceAsync(new Words { Text = "hi" }, deadline: later)).Text);
        Assert.Equal("hi", (await client.OnceAsync(new Words { Text = "hi" }, new Metadata { { "grpc-timeout", "soon" } })).Text);
    }

    private static string CodeOf(HttpResponseMessage answer)
    {
        using (answer)
        {
            return Assert.Single(answer.Headers.GetValues("Proxy-Status")).Split("details=\"")[1].TrimEnd('"');
        }
    }
}
