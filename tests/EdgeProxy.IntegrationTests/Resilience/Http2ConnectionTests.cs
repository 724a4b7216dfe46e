using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>
/// HTTP/2 connections to destinations: those that have died are not used on, and servers are not given reason to end them.
/// </summary>
public sealed class Http2ConnectionTests
{
    private const string Http2 = "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }";
    private const string Pings = "\"Timeouts\": { \"PingDelay\": \"300ms\", \"PingTimeout\": \"300ms\" }";
    private const byte MaxConcurrentStreams = 3, MaxHeaderListSize = 6, EnhanceYourCalm = 11;

    [Fact]
    public async Task A_connection_that_died_in_silence_is_found_by_a_ping_and_counts_once()
    {
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync("alive"), HttpProtocols.Http2);
        await using var relay = Relay.Start(upstream.Address);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(relay.Address, cluster: $"{Http2}, {Pings}"));
        using var readings = new Readings(edge);
        Assert.Equal("alive", await edge.Client.GetStringAsync("/"));
        relay.Forget();

        var lost = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => edge.Client.PostAsync("/", new StringContent("x"))));

        Assert.All(lost, answer => Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode));
        Assert.Equal("alive", await edge.Client.GetStringAsync("/")); // eight in a row would have opened the breaker
        Assert.Empty(readings.Counted("edgeproxy_breaker_transitions_total"));
    }

    [Fact]
    public async Task A_connection_that_died_in_silence_is_left_when_attempts_on_it_time_out()
    {
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync("alive"), HttpProtocols.Http2);
        await using var relay = Relay.Start(upstream.Address);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            relay.Address, "\"Retry\": { \"Attempts\": 3 }", Http2 + ", \"Timeouts\": { \"PerTry\": \"1s\" }"));
        Assert.Equal("alive", await edge.Client.GetStringAsync("/"));
        relay.Forget();

        Assert.Equal("alive", await edge.Client.GetStringAsync("/"));
        Assert.Equal(2, relay.Connections);
    }

    [Fact]
    public async Task A_silent_stream_whose_server_is_alive_is_not_ended_by_pings()
    {
        var pings = 0;
        var enough = new TaskCompletionSource();
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            var id = await server.ReadRequestAsync();
            while (Volatile.Read(ref pings) < 3)
            {
                if (await server.ReadPingAsync())
                {
                    Interlocked.Increment(ref pings);
                }
            }

            enough.SetResult();
            await server.AnswerAsync(id, "late"u8.ToArray());
            await server.Connection.StayAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: $"{Http2}, {Pings}"));

        Assert.Equal("late", await edge.Client.GetStringAsync("/"));
        await enough.Task.WaitAsync(Wait.Patience);
        Assert.Equal(1, upstream.Connections);
    }

    [Fact]
    public async Task The_probe_after_a_failed_one_goes_over_a_new_connection()
    {
        var connections = new ConcurrentQueue<string>();
        await using var upstream = await Upstream.StartAsync(context =>
        {
            connections.Enqueue(context.Connection.Id);
            context.Response.StatusCode = connections.Count == 3 ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address,
            cluster: "\"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Interval\": \"100ms\", \"Timeout\": \"10s\" } }"));

        await Wait.UntilAsync(() => connections.Count >= 4, "a probe after the failed one");

        var seen = connections.ToArray();
        Assert.Equal(seen[0], seen[2]);
        Assert.NotEqual(seen[2], seen[3]);
    }

    [Fact]
    public async Task Requests_wait_for_a_server_that_takes_no_streams_at_first()
    {
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            var early = server.ReadRequestAsync();
            var moment = Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Wait.Deadline);
            Assert.Same(moment, await Task.WhenAny(early, moment));
            await server.SendAsync(RawHttp2.Settings, 0, 0, 0, MaxConcurrentStreams, 0, 0, 0, 10);
            for (var id = await early; ; id = await server.ReadRequestAsync())
            {
                await server.AnswerAsync(id, "done"u8.ToArray());
            }
        }, 0, MaxConcurrentStreams, 0, 0, 0, 0);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2));

        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => edge.Client.GetStringAsync("/")));

        Assert.All(answers, answer => Assert.Equal("done", answer));
    }

    [Fact]
    public async Task A_server_that_never_takes_a_stream_is_a_connection_that_could_not_be_had()
    {
        await using var upstream = RawHttp2Upstream.Start(server => server.Connection.StayAsync(), 0, MaxConcurrentStreams, 0, 0, 0, 0);
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address, cluster: Http2 + ", \"Timeouts\": { \"Connect\": \"500ms\" }"));

        Assert.Equal("upstream_connect_timeout", await CodeAsync(await edge.Client.GetAsync("/")));
    }

    [Fact]
    public async Task Fields_larger_than_the_destination_takes_are_their_client_s_matter()
    {
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            while (true)
            {
                await server.AnswerAsync(await server.ReadRequestAsync(), "done"u8.ToArray());
            }
        }, 0, MaxHeaderListSize, 0, 0, 32, 0);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Retry\": {}", Http2));
        using var readings = new Readings(edge);
        for (var number = 0; number < 8; number++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Cookie", "a=" + new string('c', 12_000) } } };
            using var answer = await edge.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, answer.StatusCode);
            Assert.Equal("header_too_large", await CodeAsync(answer));
        }

        Assert.Equal("done", await edge.Client.GetStringAsync("/"));
        Assert.Empty(readings.Counted("edgeproxy_breaker_transitions_total"));
    }

    [Fact]
    public async Task Requests_that_one_client_gives_up_do_not_use_up_what_a_server_bears_on_one_connection()
    {
        var (most, asked) = (0, 0);
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            for (var resets = 0; ;)
            {
                var isReset = (await server.ReadAsync()).Type == RawHttp2.ResetStream;
                Interlocked.Add(ref asked, isReset ? 0 : 1);
                resets += isReset ? 1 : 0;
                InterlockedMax(ref most, resets);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2));

        for (var number = 1; number <= 300; number++)
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await Wait.UntilAsync(() => Volatile.Read(ref asked) >= number, "the request is at the destination");
        }

        Assert.InRange(most, 20, 99); // 50, and those that were under way beside the last of them
        Assert.InRange(upstream.Connections, 4, 30);
    }

    [Fact]
    public async Task A_client_that_gives_up_request_after_request_is_asked_to_leave()
    {
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            while (true)
            {
                await server.ReadAsync();
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2), listen: Edge.Http2Only);
        await using var client = await RawHttp2.ConnectAsync(edge.Uri);
        var left = client.ReadErrorAsync();

        for (var id = 1; id < 2000 && !left.IsCompleted; id += 2)
        {
            try
            {
                await client.GetAsync(id);
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Wait.Deadline); // it gets as far as the destination
                await client.SendAsync(RawHttp2.ResetStream, 0, id, [0, 0, 0, 8]);
            }
            catch (IOException)
            {
                break; // the edge has closed, behind GOAWAY
            }
        }

        Assert.Equal(RawHttp2.GoAway, (await left).Type);
    }

    [Fact]
    public async Task What_ends_with_a_connection_that_was_asked_too_much_is_no_fault_of_its_destination()
    {
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            await server.GoAwayAsync(await server.ReadRequestAsync(), EnhanceYourCalm);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Http2));
        using var readings = new Readings(edge);

        for (var number = 0; number < 8; number++)
        {
            Assert.Equal("upstream_connection_reset", await CodeAsync(await edge.Client.GetAsync("/")));
        }

        Assert.Empty(readings.Counted("edgeproxy_breaker_transitions_total"));
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer)
    {
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return problem.RootElement.GetProperty("code").GetString();
    }
}
