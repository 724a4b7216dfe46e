using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>Short answers that break off or stall on routes with `Fallback`: nothing of them has gone to the client by then.</summary>
public sealed class HalfAnswerTests
{
    private const string Text = "\"Static\": { \"Status\": 203, \"ContentType\": \"text/plain\", \"Body\": \"kept\" }";
    private const string Retry = "\"Retry\": { \"Attempts\": 2 },";

    public static TheoryData<string, string, bool> Ways()
    {
        var ways = new TheoryData<string, string, bool>();
        foreach (var kind in new[] { "half", "nothing", "stalled" })
        {
            foreach (var route in new[] { "", Retry })
            {
                ways.Add(kind, route, false);
                ways.Add(kind, route, true);
            }
        }

        return ways;
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task Another_cluster_answers_in_its_place(string kind, string route, bool isHttp2)
    {
        await using var other = await Upstream.StartAsync("other");
        await using var troubled = await StartAsync(kind, "\"Cluster\": \"other\"", route, other.Address);

        using var answer = await GetAsync(troubled, isHttp2);

        Assert.Equal((HttpStatusCode.OK, "other"), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        AssertOnce(troubled, "cluster", route);
        Assert.Equal(1, other.Hits);
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task A_kept_answer_stands_in_its_place(string kind, string route, bool isHttp2)
    {
        await using var troubled = await StartAsync(kind, Text, route);

        using var answer = await GetAsync(troubled, isHttp2);

        Assert.Equal((203, "kept"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.False(answer.Headers.Contains("X-Own"));
        AssertOnce(troubled, "static", route);
    }

    [Theory, InlineData("half"), InlineData("nothing")]
    public async Task One_that_broke_off_is_an_error_when_nobody_answers_instead(string kind)
    {
        await using var troubled = await StartAsync(kind, "\"Cluster\": \"other\"", "");

        using var answer = await GetAsync(troubled, isHttp2: false);

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.Equal(1, troubled.Count("none"));
    }

    [Theory, InlineData("other"), InlineData("half")]
    public async Task One_that_is_slow_goes_on_as_it_comes_when_nobody_answers_instead(string on)
    {
        await using var other = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var troubled = on == "other"
            ? await TroubledEdge.StartAsync("stalled", "\"On\": [ \"timeout\", \"503\" ], \"Cluster\": \"other\"", other.Address)
            : await TroubledEdge.StartAsync("stalled", "\"On\": [ \"transport\" ], " + Text);

        using var answer = await GetAsync(troubled, isHttp2: false);

        Assert.Equal("halfmore", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(["1"], answer.Headers.GetValues("X-Own"));
        Assert.Equal(on == "other" ? 1 : 0, troubled.Count("none"));
    }

    [Fact]
    public async Task Half_of_an_answer_of_the_other_cluster_is_none()
    {
        foreach (var kind in new[] { "503", "refused", "no_destination" })
        {
            await using var half = RawUpstream.Start(async connection =>
            {
                await connection.ReadHeadAsync();
                await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            });
            await using var troubled = await TroubledEdge.StartAsync(
                kind, $"\"On\": [ \"{(kind == "refused" ? "transport" : kind)}\" ], \"Cluster\": \"other\", " + Text, half.Address);

            using var answer = await GetAsync(troubled, isHttp2: false);

            Assert.Equal((203, "kept"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
            Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
            Assert.Equal((1, 0), (troubled.Count("static"), troubled.Count("cluster")));
            Assert.Single(half.Heads);
        }
    }

    [Theory, InlineData("503"), InlineData("no_destination")]
    public async Task A_slow_answer_of_the_other_cluster_goes_on_as_it_comes(string kind)
    {
        await using var slow = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            await Task.Delay(TimeSpan.FromMilliseconds(900), TimeProvider.System);
            await connection.SendAsync("more");
        });
        await using var troubled = await TroubledEdge.StartAsync(
            kind, $"\"On\": [ \"timeout\", \"{kind}\" ], \"Cluster\": \"other\", " + Text, slow.Address,
            otherCluster: "\"Timeouts\": { \"PerTry\": \"300ms\" },");

        using var answer = await GetAsync(troubled, isHttp2: false);

        Assert.Equal((HttpStatusCode.OK, "halfmore"), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.Equal((1, 0), (troubled.Count("cluster"), troubled.Count("static")));
    }

    [Theory, InlineData("half"), InlineData("stalled")]
    public async Task Passive_checks_see_what_it_really_was(string kind)
    {
        const string Passive = """
            "HealthCheck": { "Passive": { "Enabled": true, "Policy": "FailureRate", "ReactivationPeriod": "01:00:00" } },
            "Metadata": { "FailureRateHealthPolicy.RateLimit": "0.5", "FailureRateHealthPolicy.MinimalTotal": "3",
                          "FailureRateHealthPolicy.Window": "60s" },
            "LoadBalancingPolicy": "FirstAlphabetical",
            """;
        await using var troubled = await TroubledEdge.StartAsync(
            kind, "\"On\": [ \"transport\", \"timeout\", \"no_destination\" ], " + Text, cluster: Passive,
            more: ", \"z\": { \"Address\": \"http://127.0.0.1:1/\" }");
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("kept", await troubled.Edge.Client.GetStringAsync("/", Wait.Deadline));
        }

        Assert.Equal(3, troubled.Failing.Heads.Count);
    }

    [Fact]
    public async Task One_of_unknown_length_that_breaks_off_before_its_first_byte_has_not_begun()
    {
        await using var troubled = await StartAsync("chunked", Text, "");

        using var answer = await GetAsync(troubled, isHttp2: false);

        Assert.Equal((203, "kept"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        AssertOnce(troubled, "static", "");
    }

    [Fact]
    public async Task What_has_no_length_is_not_held()
    {
        var go = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            await go.Task;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, $"\"Timeouts\": {{ \"PerTry\": \"1m\" }}, \"Fallback\": {{ {Text} }}"));

        using var answer = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);

        var first = new byte[9];
        await (await answer.Content.ReadAsStreamAsync(Wait.Deadline)).ReadExactlyAsync(first, Wait.Deadline);
        Assert.Equal("data: 1\n\n"u8.ToArray(), first);
        go.SetResult();
    }

    private static Task<TroubledEdge> StartAsync(string kind, string fallback, string route, string other = "http://127.0.0.1:1/") =>
        TroubledEdge.StartAsync(kind, "\"On\": [ \"transport\", \"timeout\" ], " + fallback, other, route);

    /// <summary>One fallback for the request, and no error; of its attempts, the last has counted once as the last.</summary>
    private static void AssertOnce(TroubledEdge troubled, string kind, string route)
    {
        Assert.Single(troubled.Readings.Counted("edgeproxy_fallbacks_total"));
        Assert.Equal(1, troubled.Count(kind));
        Assert.Empty(troubled.Readings.Counted("edgeproxy_errors_total"));
        Assert.Equal(route.Length > 0 ? 2 : 1, troubled.Failing.Heads.Count);
        Assert.Equal(
            route.Length > 0 ? ["edgeproxy_retries_skipped_total{cluster=up,reason=limit}"] : [],
            troubled.Readings.Counted("edgeproxy_retries_skipped_total"));
    }

    private static async Task<HttpResponseMessage> GetAsync(TroubledEdge troubled, bool isHttp2)
    {
        if (!isHttp2)
        {
            return await troubled.Edge.Client.GetAsync("/", Wait.Deadline);
        }

        using var client = new Http2Client(troubled.Edge);
        var answer = await client.SendAsync(HttpMethod.Get, "/");
        await answer.Content.LoadIntoBufferAsync(Wait.Deadline);
        return answer;
    }
}
