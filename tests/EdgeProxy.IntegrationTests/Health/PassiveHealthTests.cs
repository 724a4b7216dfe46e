using System.Net;
using System.Text.Json;
using EdgeProxy.Health;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Health;

/// <summary>Passive checks: requests themselves show who fails.</summary>
public sealed class PassiveHealthTests
{
    private const string Spare = "\"LoadBalancingPolicy\": \"FirstAlphabetical\", \"CircuitBreaker\": { \"Enabled\": false }, ";

    /// <summary>More than all buffers on the way to a client that does not read.</summary>
    private static readonly ReadOnlyMemory<byte> Large = new byte[20_000_000];

    [Theory]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(501, false)]
    [InlineData(505, false)]
    [InlineData(404, false)]
    public async Task Failing_statuses_put_a_destination_out_and_those_about_the_request_do_not(int status, bool isFailure)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00")));
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(status, (int)(await edge.Client.GetAsync("/")).StatusCode);
        }

        var last = await edge.Client.GetAsync("/");
        Assert.Equal(isFailure ? 502 : status, (int)last.StatusCode);
        Assert.Equal(isFailure ? 5 : 6, upstream.Hits);
    }

    [Theory]
    [InlineData("14", true)]
    [InlineData("13", true)]
    [InlineData("8", false)]
    [InlineData("5", false)]
    [InlineData("0", false)]
    public async Task Failing_statuses_of_gRPC_put_a_destination_out_too(string status, bool isFailure)
    {
        await using var upstream = await Upstream.StartAsync(
            context =>
            {
                context.Response.ContentType = "application/grpc";
                context.Response.Headers["grpc-status"] = status;
                return Task.CompletedTask;
            },
            HttpProtocols.Http2);
        const string Http2 = ", \"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00") + Http2));
        using var client = new Http2Client(edge);
        for (var i = 0; i < 5; i++)
        {
            using var response = await CallAsync(client);
            Assert.Equal(status, response.Headers.GetValues("grpc-status").Single());
        }

        if (isFailure) // the client has a response before it is judged
        {
            await Wait.UntilAsync(
                async () => (await ActiveHealthTests.DestinationAsync(edge)).GetProperty("passive").GetString() == "unhealthy",
                "the destination is out");
        }

        using var last = await CallAsync(client);
        Assert.Equal(isFailure, last.Headers.Contains("edge-error-code"));
        Assert.Equal(isFailure ? 5 : 6, upstream.Hits);

        static Task<HttpResponseMessage> CallAsync(Http2Client client)
        {
            var content = new ByteArrayContent([0, 0, 0, 0, 0]);
            content.Headers.ContentType = new("application/grpc");
            return client.SendAsync(HttpMethod.Post, "/", content);
        }
    }

    [Fact]
    public async Task A_destination_that_resets_connections_is_put_out_and_the_other_one_takes_over()
    {
        await using var good = await Upstream.StartAsync();
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            connection.Reset();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            good.Address,
            cluster: Passive("01:00:00") + ", \"LoadBalancingPolicy\": \"RoundRobin\", \"CircuitBreaker\": { \"Enabled\": false }").Replace(
            "\"a\": {", "\"b\": { \"Address\": \"" + bad.Address + "\" }, \"a\": {"));
        await Wait.UntilAsync(async () =>
        {
            await edge.Client.GetAsync("/");
            return (await ActiveHealthTests.DestinationAsync(edge, "b")).GetProperty("passive").GetString() == "unhealthy";
        }, "the bad one is out");
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);
        }

        var view = await ActiveHealthTests.DestinationAsync(edge, "b");
        Assert.Equal("5 of 5 requests failed, the last: upstream_connection_reset", view.GetProperty("reason").GetString());
        var length = view.GetProperty("until").GetDateTimeOffset() - view.GetProperty("since").GetDateTimeOffset();
        Assert.InRange(length.TotalMinutes, 59, 61);
    }

    [Fact]
    public async Task A_destination_comes_back_after_its_reactivation_period_and_begins_anew()
    {
        var sick = true;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = Volatile.Read(ref sick) ? 500 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("00:00:00.500")));
        var log = Log.Of(edge);
        await FailAsync(edge, 5);
        Assert.Contains(log.Entries(LogLevel.Warning), entry => entry.Contains(
            "up/a is Unhealthy by passive check: 5 of 5 requests failed, the last: status 500"));

        Volatile.Write(ref sick, false);
        await Wait.UntilAsync(async () => (await edge.Client.GetAsync("/")).StatusCode == HttpStatusCode.OK, "back");
        Assert.Contains(log.Entries(LogLevel.Information), entry => entry.Contains("up/a is Unknown by passive check: its reactivation"));
        var back = await ActiveHealthTests.DestinationAsync(edge);
        Assert.Equal("healthy", back.GetProperty("state").GetString());
        Assert.Equal("a request succeeded", back.GetProperty("reason").GetString());
        Assert.Equal(JsonValueKind.Null, back.GetProperty("until").ValueKind);

        Volatile.Write(ref sick, true); // one failure is not the sixth
        await FailAsync(edge, 1);
        Assert.Equal("healthy", (await ActiveHealthTests.DestinationAsync(edge)).GetProperty("state").GetString());
    }

    [Theory]
    [InlineData("30m", "unknown")]
    [InlineData("1h", "unhealthy")]
    public async Task Failures_counted_over_another_window_are_forgotten(string window, string expected)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00", "1h")));
        await FailAsync(edge, 4);
        await Reload.ApplyAsync(edge, WithSpare(upstream.Address, "\"Order\": 1", Passive("01:00:00", window)));
        await FailAsync(edge, 1);

        Assert.Equal(expected, (await ActiveHealthTests.DestinationAsync(edge)).GetProperty("passive").GetString());
    }

    [Theory]
    [InlineData("a body that stands still")]
    [InlineData("an answer that nobody reads")]
    public async Task Slow_clients_say_nothing_about_a_destination(string manner)
    {
        var isUpload = manner == "a body that stands still";
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            var isShort = isUpload || context.Request.Path == "/short";
            await context.Response.Body.WriteAsync(isShort ? Large[..1] : Large, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(
            WithSpare(upstream.Address, "\"Timeout\": \"3s\"", Passive("01:00:00")));
        using var readings = new Readings(edge);
        var request = isUpload ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1" : "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        var clients = new List<RawClient>();
        for (var i = 0; i < 8; i++)
        {
            clients.Add(await RawClient.OpenAsync(edge.Uri));
            await clients[^1].SendAsync(request);
        }

        await Wait.UntilAsync(() => readings.Counted("edgeproxy_errors_total").Sum(series => readings[series]) >= 8, "all are cut");
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/short")).StatusCode);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task A_destination_that_closed_on_clients_that_kept_it_waiting_and_then_sent_on_is_not_put_out()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            while (await connection.ReadHeadAsync() is { } head)
            {
                if (head.StartsWith("POST", StringComparison.Ordinal))
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System); // as long as it waits for a body
                    return;
                }

                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00")));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n1");
            foreach (var pause in new[] { 3, 0.2, 0.2 })
            {
                await Task.Delay(TimeSpan.FromSeconds(pause), TimeProvider.System); // the client's own slowness
                await client.SendAsync(new byte[16_384]);
            }

            Assert.StartsWith("HTTP/1.1 50", await client.ReadHeadAsync(), StringComparison.Ordinal);
        }));

        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task Clients_that_go_away_say_nothing_about_a_destination()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path != "/ok")
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
            }
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00")));
        for (var i = 0; i < 8; i++)
        {
            using var gone = new CancellationTokenSource();
            var request = edge.Client.GetAsync("/hang", gone.Token);
            var expected = i + 1;
            await Wait.UntilAsync(() => upstream.Hits == expected, "the request is at the destination");
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        }

        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/ok")).StatusCode);
    }

    [Fact]
    public async Task Failures_at_the_last_address_do_not_count_at_the_next_one()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var old = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = 500;
            await (context.Request.Path == "/slow" ? release.Task : Task.CompletedTask);
        });
        await using var next = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(WithSpare(old.Address, cluster: Passive("01:00:00")));
        await edge.Client.GetAsync("/");
        await edge.Client.GetAsync("/");
        var slow = Enumerable.Range(0, 5).Select(_ => edge.Client.GetAsync("/slow")).ToList();
        await Wait.UntilAsync(() => old.Hits == 7, "the slow ones are under way");

        await Reload.ApplyAsync(edge, WithSpare(next.Address, cluster: Passive("01:00:00")));
        Assert.Equal(500, (int)(await edge.Client.GetAsync("/")).StatusCode);
        release.SetResult();
        Assert.All(await Task.WhenAll(slow), answer => Assert.Equal(500, (int)answer.StatusCode));
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(500, (int)(await edge.Client.GetAsync("/")).StatusCode);
        }

        Assert.Equal(5, next.Hits);
        Assert.Equal(502, (int)(await edge.Client.GetAsync("/")).StatusCode); // five failures of its own
    }

    [Fact]
    public async Task A_timeout_of_the_cluster_counts_as_the_destination_s_failure()
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var edge = await Edge.StartAsync(WithSpare(
            upstream.Address, cluster: Passive("01:00:00") + ", \"HttpRequest\": { \"ActivityTimeout\": \"00:00:00.100\" }"));
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.GatewayTimeout, (await edge.Client.GetAsync("/")).StatusCode);
        }

        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/")).StatusCode);
        Assert.Equal(5, upstream.Hits);
    }

    [Fact]
    public async Task A_timeout_of_the_route_counts_as_the_destination_s_failure_too()
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var edge = await Edge.StartAsync(WithSpare(
            upstream.Address, "\"Timeout\": \"00:00:00.500\"", Passive("01:00:00")));
        for (var i = 0; i < 5; i++)
        {
            await edge.Client.GetAsync("/");
        }

        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/")).StatusCode);
        Assert.Equal(5, upstream.Hits);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_destination_that_a_reload_removes_is_not_waited_for(bool withItsCluster)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00")));
        var keeper = edge.Services.GetRequiredService<DestinationHealthKeeper>();
        await FailAsync(edge, 5);
        Assert.Equal(1, keeper.Reactivations);

        var next = WithSpare(upstream.Address, cluster: Passive("01:00:00"));
        await Reload.ApplyAsync(edge, withItsCluster ? next.Replace("\"up\"", "\"other\"") : next.Replace("\"a\": {", "\"b\": {"));

        Assert.Equal(0, keeper.Reactivations);
    }

    [Fact]
    public async Task A_destination_at_another_address_is_not_waited_for()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await using var other = await Upstream.StartAsync("other");
        await using var edge = await Edge.StartAsync(WithSpare(upstream.Address, cluster: Passive("01:00:00")));
        await FailAsync(edge, 5);

        await Reload.ApplyAsync(edge, WithSpare(other.Address, cluster: Passive("01:00:00")));

        Assert.Equal(0, edge.Services.GetRequiredService<DestinationHealthKeeper>().Reactivations);
        Assert.Equal("other", await edge.Client.GetStringAsync("/", Wait.Deadline));
    }

    private static async Task FailAsync(Edge edge, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Equal(HttpStatusCode.InternalServerError, (await edge.Client.GetAsync("/")).StatusCode);
        }
    }

    /// <summary>Beside the destination `a` there is another one, which is asked when `a` is out, and refuses.</summary>
    private static string WithSpare(string address, string route = "", string cluster = "") =>
        Edge.OneRoute(address, route, Spare + cluster).Replace(
            "\"a\": {", "\"z\": { \"Address\": \"http://127.0.0.1:1/\" }, \"a\": {", StringComparison.Ordinal);

    private static string Passive(string reactivation, string window = "60s") => $$"""
        "HealthCheck": { "Passive": { "Enabled": true, "Policy": "FailureRate", "ReactivationPeriod": "{{reactivation}}" } },
        "Metadata": { "FailureRateHealthPolicy.RateLimit": "0.5", "FailureRateHealthPolicy.MinimalTotal": "5",
                      "FailureRateHealthPolicy.Window": "{{window}}" }
        """;
}
