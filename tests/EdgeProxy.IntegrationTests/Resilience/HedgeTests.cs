using System.Net;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>A second attempt beside one that takes long: destination `a` is asked first, `b` second.</summary>
public sealed class HedgeTests
{
    private const string Soon = "\"Hedge\": { \"After\": \"100ms\" }";
    private const string Ample = "\"RetryBudget\": { \"ReservePerSecond\": 1000 }, \"CircuitBreaker\": { \"ConsecutiveFailures\": 1 }";

    private readonly TaskCompletionSource _gaveUp = new();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task An_attempt_that_takes_long_is_overtaken_and_says_nothing_bad_about_its_destination(bool isHttp2, bool retries)
    {
        await using var slow = await Upstream.StartAsync(WaitForEver, isHttp2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        var seen = "";
        await using var fast = await Upstream.StartAsync(
            context =>
            {
                seen = $"{context.Request.Host} {context.Request.Path}{context.Request.QueryString} {context.Request.Headers["X-Mine"]}";
                return context.Response.WriteAsync("second");
            },
            isHttp2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        var route = Soon + (retries ? ", \"Retry\": {}" : "");
        await using var edge = await Edge.StartAsync(Two(slow.Address, fast.Address, route, isHttp2: isHttp2));
        using var readings = new Readings(edge);
        using var client = new Http2Client(edge);
        edge.Client.DefaultRequestHeaders.Add("X-Mine", "yes");

        using var answer = isHttp2
            ? await client.SendAsync(HttpMethod.Get, "/x?y=1")
            : await edge.Client.GetAsync("/x?y=1", Wait.Deadline);

        Assert.Equal("second", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal("b.example /base/x?y=1 " + (isHttp2 ? "" : "yes"), seen);
        await _gaveUp.Task.WaitAsync(Wait.Patience);
        Assert.Equal(1, readings["edgeproxy_hedges_total{cluster=up,result=won}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=canceled}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=ok}"]);
        Assert.Equal((1, 1), (slow.Hits, fast.Hits));
        await AllIsAtRestAsync(edge);
        Assert.Equal(0, readings.Gauges()["edgeproxy_breaker_state{cluster=up,destination=a}"]);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task For_a_client_that_has_gone_nobody_else_is_asked(string version)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var slow = await Upstream.StartAsync(context =>
        {
            arrived.TrySetResult();
            return WaitForEver(context);
        });
        await using var other = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(slow.Address, other.Address, "\"Hedge\": { \"After\": \"9s\" }"));
        using var readings = new Readings(edge);
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        var answer = edge.Client.SendAsync(request, leave.Token);
        await arrived.Task.WaitAsync(Wait.Patience);
        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        await _gaveUp.Task.WaitAsync(Wait.Patience);
        await AllIsAtRestAsync(edge);
        Assert.Equal(0, readings["edgeproxy_hedges_total{cluster=up,result=failed}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=canceled}"]);
        Assert.Equal(0, other.Hits);
    }

    [Fact]
    public async Task An_answer_in_time_and_a_method_that_changes_something_are_sent_once()
    {
        await using var slow = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Method == "POST")
            {
                await Task.Delay(TimeSpan.FromMilliseconds(400), TimeProvider.System, context.RequestAborted);
            }
        });
        await using var other = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(slow.Address, other.Address, "\"Hedge\": { \"After\": \"200ms\" }"));
        using var readings = new Readings(edge);
        await edge.Client.GetStringAsync("/", Wait.Deadline); // opens a connection, for all that takes

        var before = other.Hits;
        using var posted = await edge.Client.PostAsync("/", new StringContent("x"), Wait.Deadline);

        Assert.Equal((HttpStatusCode.OK, before), (posted.StatusCode, other.Hits));
    }

    [Fact]
    public async Task A_second_answer_that_is_no_good_does_not_win()
    {
        var goOn = new TaskCompletionSource();
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await goOn.Task;
            await context.Response.WriteAsync("first");
        });
        await using var bad = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Two(slow.Address, bad.Address));
        using var readings = new Readings(edge);

        var asking = edge.Client.GetStringAsync("/", Wait.Deadline);
        await Wait.UntilAsync(() => readings["edgeproxy_attempts_total{cluster=up,outcome=server_error}"] == 1, "second answer");
        goOn.SetResult();

        Assert.Equal("first", await asking);
        Assert.Equal(1, readings["edgeproxy_hedges_total{cluster=up,result=lost}"]);
        await AllIsAtRestAsync(edge);
    }

    [Fact]
    public async Task A_response_that_has_lost_holds_no_connection()
    {
        var (second, first) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var slow = await Upstream.StartAsync(async context =>
        {
            if (HttpMethods.IsGet(context.Request.Method))
            {
                await second.Task;
                context.Response.StatusCode = 500;
                await context.Response.StartAsync();
                first.SetResult();
                await context.Response.Body.WriteAsync(new byte[4 << 20], context.RequestAborted);
            }

            await context.Response.WriteAsync("first", context.RequestAborted);
        });
        await using var fast = await Upstream.StartAsync(async context =>
        {
            second.SetResult();
            await first.Task;
            await context.Response.WriteAsync("second");
        });
        await using var edge = await Edge.StartAsync(
            Two(slow.Address, fast.Address, cluster: Ample + ", \"HttpClient\": { \"MaxConnectionsPerServer\": 1 }"));

        Assert.Equal("second", await edge.Client.GetStringAsync("/", Wait.Deadline));
        using var posted = await edge.Client.PostAsync("/", null, Wait.Deadline);

        Assert.Equal("first", await posted.Content.ReadAsStringAsync(Wait.Deadline));
    }

    [Fact]
    public async Task When_neither_is_good_the_first_one_s_end_stands()
    {
        var goOn = new TaskCompletionSource();
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await goOn.Task;
            context.Response.StatusCode = 500;
            await context.Response.WriteAsync("first");
        });
        await using var bad = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            goOn.SetResult();
            connection.Reset();
        });
        await using var edge = await Edge.StartAsync(Two(slow.Address, bad.Address));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal("first", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, readings["edgeproxy_hedges_total{cluster=up,result=failed}"]);
        await AllIsAtRestAsync(edge);
    }

    [Fact]
    public async Task Without_budget_or_another_destination_the_first_attempt_is_waited_for()
    {
        await using var slow = await Upstream.StartAsync(async context =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, context.RequestAborted);
            await context.Response.WriteAsync("first");
        });
        await using var other = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(
            slow.Address, other.Address, cluster: "\"RetryBudget\": { \"Ratio\": 0, \"ReservePerSecond\": 0 }"));
        using var readings = new Readings(edge);

        Assert.Equal("first", await edge.Client.GetStringAsync("/", Wait.Deadline));

        Assert.Equal(1, readings["edgeproxy_hedges_total{cluster=up,result=budget}"]);
        Assert.Equal(0, other.Hits);

        await using var alone = await Edge.StartAsync(Edge.OneRoute(slow.Address, Soon));
        Assert.Equal("first", await alone.Client.GetStringAsync("/", Wait.Deadline));
    }

    [Fact]
    public async Task What_takes_long_is_learned_from_what_others_took()
    {
        var isSlow = false;
        await using var first = await Upstream.StartAsync(context => isSlow ? WaitForEver(context) : Task.CompletedTask);
        await using var second = await Upstream.StartAsync("second");
        await using var edge = await Edge.StartAsync(Two(first.Address, second.Address, "\"Hedge\": {}"));
        using var readings = new Readings(edge);
        for (var i = 0; i < 25; i++)
        {
            await edge.Client.GetStringAsync("/", Wait.Deadline);
        }

        isSlow = true;
        await Wait.UntilAsync(
            async () =>
            {
                using var given = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                try
                {
                    return await edge.Client.GetStringAsync("/", given.Token) == "second"; // looked at once a second
                }
                catch (OperationCanceledException)
                {
                    return false;
                }
            },
            "overtaken");

        Assert.True(readings["edgeproxy_hedges_total{cluster=up,result=won}"] >= 1);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Many_races_at_once_end_each_with_one_whole_answer(bool isHttp2)
    {
        var turn = 0;
        async Task AnswerAsync(HttpContext context)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Interlocked.Increment(ref turn) % 40), TimeProvider.System, context.RequestAborted);
            await context.Response.WriteAsync($"answer to {context.Request.Query["q"]}");
        }

        var protocol = isHttp2 ? HttpProtocols.Http2 : HttpProtocols.Http1;
        await using var first = await Upstream.StartAsync(AnswerAsync, protocol);
        await using var second = await Upstream.StartAsync(AnswerAsync, protocol);
        await using var edge = await Edge.StartAsync(Two(
            first.Address, second.Address, "\"Hedge\": { \"After\": \"15ms\" }, \"Retry\": {}, \"Timeouts\": { \"PerTry\": \"30s\" }",
            isHttp2: isHttp2));
        using var readings = new Readings(edge);

        await Parallel.ForAsync(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
            Assert.Equal($"answer to {i}", await edge.Client.GetStringAsync($"/?q={i}", Wait.Deadline)));

        Assert.True(readings["edgeproxy_hedges_total{cluster=up,result=won}"] > 0);
        await AllIsAtRestAsync(edge);
    }

    [Fact]
    public async Task A_client_that_goes_ends_both()
    {
        await using var first = await Upstream.StartAsync(WaitForEver);
        var gaveUp = new TaskCompletionSource();
        await using var second = await Upstream.StartAsync(async context =>
        {
            context.RequestAborted.Register(gaveUp.SetResult);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var edge = await Edge.StartAsync(Two(first.Address, second.Address));
        using var readings = new Readings(edge);
        using var leaving = new CancellationTokenSource();
        var asking = edge.Client.GetStringAsync("/", leaving.Token);
        await Wait.UntilAsync(() => second.Hits == 1, "second attempt");

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await Task.WhenAll(_gaveUp.Task, gaveUp.Task).WaitAsync(Wait.Patience);
        await AllIsAtRestAsync(edge);
        Assert.Equal(2, readings["edgeproxy_attempts_total{cluster=up,outcome=canceled}"]);
    }

    private async Task WaitForEver(HttpContext context)
    {
        context.RequestAborted.Register(() => _gaveUp.TrySetResult());
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
    }

    private static string Two(string a, string b, string route = Soon, string cluster = Ample, bool isHttp2 = false) => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, {{route}} } },
          "Clusters": { "up": { "LoadBalancingPolicy": "FirstAlphabetical", {{cluster}},
            "HttpRequest": { "Version": "{{(isHttp2 ? "2" : "1.1")}}", "VersionPolicy": "RequestVersionExact" },
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}base/", "Host": "b.example" } } } }
        }
        """;

    /// <summary>No destination counts an attempt as under way.</summary>
    private static Task AllIsAtRestAsync(Edge edge) => Wait.UntilAsync(
        async () =>
        {
            using var cluster = JsonDocument.Parse(await edge.Admin.GetStringAsync("/v1/clusters/up", Wait.Deadline));
            return cluster.RootElement.GetProperty("destinations").EnumerateArray()
                .All(destination => destination.GetProperty("inFlight").GetInt32() == 0);
        },
        "nothing under way");
}
