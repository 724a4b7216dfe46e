using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Fallbacks;

/// <summary>What clients get in place of a failure, from real destinations that fail in every way.</summary>
public sealed class FallbackTests
{
    private const string Any = "\"On\": [ \"transport\", \"timeout\", \"open\", \"no_destination\", \"503\" ], ";
    private const string ToOther = Any + "\"Cluster\": \"other\"";
    private const string Text = "\"Static\": { \"Status\": 203, \"ContentType\": \"text/plain\", \"Body\": \"kept\" }";

    public static TheoryData<string, bool> Ways(bool late)
    {
        var ways = new TheoryData<string, bool>();
        foreach (var kind in TroubledEdge.Kinds.Where(kind => late || kind != "late"))
        {
            ways.Add(kind, false);
            ways.Add(kind, true);
        }

        return ways;
    }

    [Theory, MemberData(nameof(Ways), false)]
    public async Task Another_cluster_answers_what_the_route_s_own_fails(string kind, bool isHttp2)
    {
        var seen = "";
        await using var other = await Upstream.StartAsync(context =>
        {
            seen = $"{context.Request.Host} {context.Request.Path}{context.Request.QueryString}";
            return context.Response.WriteAsync("other");
        });
        await using var troubled = await TroubledEdge.StartAsync(kind, ToOther, other.Address);

        using var answer = await GetAsync(troubled, isHttp2, "/x?y=1");

        Assert.Equal((HttpStatusCode.OK, "other"), (answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal("b.example /base/x?y=1", seen);
        Assert.Equal(["cluster"], answer.Headers.GetValues("X-Edge-Fallback"));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.False(answer.Headers.Contains("X-Own"));
        Assert.Equal((1, 1), (other.Hits, troubled.Count("cluster")));
        Assert.Equal(1, troubled.Readings["edgeproxy_attempts_total{cluster=other,outcome=ok}"]);
        Assert.Empty(troubled.Readings.Counted("edgeproxy_errors_total"));
    }

    [Theory, MemberData(nameof(Ways), true)]
    public async Task An_answer_that_is_always_the_same_stands_for_every_failure(string kind, bool isHttp2)
    {
        await using var troubled = await TroubledEdge.StartAsync(kind, Any + Text);

        using var answer = await GetAsync(troubled, isHttp2, "/");

        Assert.Equal((203, "kept"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Wait.Deadline)));
        Assert.Equal(("text/plain", 4), (answer.Content.Headers.ContentType?.ToString(), answer.Content.Headers.ContentLength));
        Assert.Equal(["static"], answer.Headers.GetValues("X-Edge-Fallback"));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        Assert.True(answer.Headers.Contains("X-Request-Id"));
        Assert.False(answer.Headers.Contains("X-Own"));
        Assert.Equal(1, troubled.Count("static"));
        Assert.Empty(troubled.Readings.Counted("edgeproxy_errors_total"));
    }

    [Theory, MemberData(nameof(Ways), false)]
    public async Task When_the_other_cluster_fails_too_what_went_wrong_first_stands(string kind, bool isHttp2)
    {
        await using var other = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync("other");
        });
        await using var troubled = await TroubledEdge.StartAsync(kind, ToOther, other.Address);

        using var answer = await GetAsync(troubled, isHttp2, "/");

        var body = await answer.Content.ReadAsStringAsync(Wait.Deadline);
        Assert.Equal(1, other.Hits);
        Assert.False(answer.Headers.Contains("X-Edge-Fallback"));
        Assert.Equal(kind == "503", answer.Headers.Contains("X-Own"));
        Assert.Equal(
            kind == "503" ? "no" : troubled.ProxyStatus,
            kind == "503" ? body : Assert.Single(answer.Headers.GetValues("Proxy-Status")));
        Assert.Equal(1, troubled.Count("none"));
    }

    [Theory, MemberData(nameof(Ways), false)]
    public async Task A_kept_answer_comes_after_the_other_cluster(string kind, bool isHttp2)
    {
        await using var troubled = await TroubledEdge.StartAsync(kind, ToOther + ", " + Text, "http://127.0.0.1:1/");

        using var answer = await GetAsync(troubled, isHttp2, "/");

        Assert.Equal("kept", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal([troubled.ProxyStatus], answer.Headers.GetValues("Proxy-Status"));
        Assert.Equal((1, 0), (troubled.Count("static"), troubled.Count("cluster")));
    }

    [Theory]
    [InlineData("refused", true)]
    [InlineData("open", true)]
    [InlineData("no_destination", true)]
    [InlineData("reset", false)]
    [InlineData("silent", false)]
    [InlineData("503", false)]
    public async Task What_may_have_been_processed_goes_to_no_other_cluster(string kind, bool goes)
    {
        var bodies = new List<string>();
        await using var other = await Upstream.StartAsync(
            async context => bodies.Add(await new StreamReader(context.Request.Body).ReadToEndAsync()));
        await using var troubled = await TroubledEdge.StartAsync(kind, ToOther, other.Address);

        using var answer = await troubled.Edge.Client.PostAsync("/", new StringContent("payload"), Wait.Deadline);

        Assert.Equal(goes ? ["payload"] : [], bodies);
        Assert.Equal(goes, answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal(goes ? 1 : 0, troubled.Count("cluster"));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_body_goes_again_as_far_as_it_is_kept(bool isSmall)
    {
        var received = 0L;
        await using var other = await Upstream.StartAsync(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received = body.Length;
        });
        await using var troubled = await TroubledEdge.StartAsync("503", ToOther, other.Address);
        var size = isSmall ? 60_000 : 70_000;

        using var answer = await troubled.Edge.Client.PutAsync("/", new ByteArrayContent(new byte[size]), Wait.Deadline);

        Assert.Equal(isSmall ? size : 0, received);
    }

    [Fact]
    public async Task An_answer_that_counts_as_none_is_passed_on_and_so_is_one_that_has_begun()
    {
        await using var troubled = await TroubledEdge.StartAsync("500", Any + Text);
        using var answer = await GetAsync(troubled, isHttp2: false, "/");
        Assert.Equal("no", await answer.Content.ReadAsStringAsync(Wait.Deadline));

        await using var begun = await TroubledEdge.StartAsync("long", Any + Text);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => begun.Edge.Client.GetStringAsync("/", Wait.Deadline));
        Assert.Empty(begun.Readings.Counted("edgeproxy_fallbacks_total"));
    }

    [Fact]
    public async Task What_a_limit_or_the_edge_refuses_and_what_is_the_client_s_fault_stays_refused()
    {
        const string Limit = """
            "RateLimits": { "one": { "Per": "Route", "Limits": [ { "Name": "h", "Capacity": 1, "Refill": 1, "Every": "1h" } ] } },
            """;
        await using var limited = await TroubledEdge.StartAsync(
            "refused", Any + Text, route: "\"RateLimits\": [ \"one\" ],", sections: Limit);
        using var first = await GetAsync(limited, isHttp2: false, "/");
        using var second = await GetAsync(limited, isHttp2: false, "/");
        Assert.Equal((203, 429), ((int)first.StatusCode, (int)second.StatusCode));

        await using var closed = await TroubledEdge.StartAsync("refused", Any + Text, route: "\"RequireClient\": true,");
        using var refused = await GetAsync(closed, isHttp2: false, "/");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);

        await using var small = await TroubledEdge.StartAsync("refused", Any + Text, route: "\"MaxRequestBodySize\": 1,");
        using var large = await small.Edge.Client.PostAsync("/", new StringContent("large"), Wait.Deadline);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
    }

    [Fact]
    public async Task Retries_come_first_and_a_spent_budget_does_not_end_it()
    {
        await using var other = await Upstream.StartAsync("other");
        const string Retry = "\"Retry\": { \"Attempts\": 2 },";
        await using var troubled = await TroubledEdge.StartAsync("refused", ToOther, other.Address, Retry);

        for (var i = 0; i < 8; i++) // the reserve is three
        {
            Assert.Equal("other", await troubled.Edge.Client.GetStringAsync("/", Wait.Deadline));
        }

        Assert.InRange(troubled.Readings["edgeproxy_attempts_total{cluster=up,outcome=refused}"], 9, 16);
        Assert.Equal(8, troubled.Count("cluster"));
    }

    [Theory, MemberData(nameof(Ways), true)]
    public async Task A_HEAD_request_gets_the_fields_of_the_kept_answer_alone(string kind, bool isHttp2)
    {
        await using var troubled = await TroubledEdge.StartAsync(kind, Any + Text);
        using var client = new Http2Client(troubled.Edge);

        using var answer = isHttp2
            ? await client.SendAsync(HttpMethod.Head, "/")
            : await troubled.Edge.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/"), Wait.Deadline);

        Assert.Equal((203, 4), ((int)answer.StatusCode, answer.Content.Headers.ContentLength));
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync(Wait.Deadline));
    }

    [Fact]
    public async Task A_gRPC_call_gets_no_kept_answer_and_goes_to_the_other_cluster_when_it_was_not_sent()
    {
        await using var other = await Upstream.StartAsync(context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "0";
            return Task.CompletedTask;
        }, HttpProtocols.Http2);
        await using var kept = await TroubledEdge.StartAsync("refused", Any + Text);
        using var client = new Http2Client(kept.Edge);
        using var refused = await client.SendAsync(HttpMethod.Post, "/", Call());
        Assert.Equal(["14"], refused.Headers.GetValues("grpc-status"));

        await using var open = await TroubledEdge.StartAsync("refused", ToOther, other.Address,
            otherCluster: "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" },");
        using var second = new Http2Client(open.Edge);
        using var answer = await second.SendAsync(HttpMethod.Post, "/", Call());
        Assert.Equal(["0"], answer.Headers.GetValues("grpc-status"));
    }

    [Theory, InlineData("no_destination", true), InlineData("open", true), InlineData("refused", false)]
    public async Task A_WebSocket_goes_to_the_other_cluster_when_nothing_was_sent(string kind, bool goes)
    {
        await using var other = await WebSocketPeers.EchoAsync();
        await using var troubled = await TroubledEdge.StartAsync(kind, ToOther + ", " + Text, other.Address);

        if (!goes)
        {
            await Assert.ThrowsAnyAsync<WebSocketException>(() => WebSocketPeers.ConnectAsync(troubled.Edge));
            return;
        }

        using var socket = await WebSocketPeers.ConnectAsync(troubled.Edge);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Wait.Deadline);
        var buffer = new byte[32];
        var message = await socket.ReceiveAsync(buffer, Wait.Deadline);
        Assert.Equal("hello"u8.ToArray(), buffer[..message.Count]);
    }

    [Fact]
    public async Task The_other_cluster_s_bounds_and_timeouts_hold_and_are_given_back()
    {
        var goOn = new TaskCompletionSource();
        await using var other = await Upstream.StartAsync(async context =>
        {
            await context.Response.WriteAsync("other");
            await context.Response.Body.FlushAsync();
            await goOn.Task;
        });
        await using var troubled = await TroubledEdge.StartAsync(
            "503", ToOther, other.Address, otherCluster: "\"Concurrency\": { \"Max\": 1 },");
        using var first = await troubled.Edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
        using var second = await troubled.Edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (first.StatusCode, second.StatusCode));
        goOn.SetResult();
        await first.Content.ReadAsStringAsync(Wait.Deadline);
        await Wait.UntilAsync(
            async () => (await troubled.Edge.Client.GetAsync("/", Wait.Deadline)).StatusCode == HttpStatusCode.OK, "given back");

        await using var silent = RawUpstream.Start(connection => connection.StayAsync());
        await using var waiting = await TroubledEdge.StartAsync(
            "503", ToOther, silent.Address, otherCluster: "\"Timeouts\": { \"PerTry\": \"200ms\" },");
        using var answer = await waiting.Edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal("no", await answer.Content.ReadAsStringAsync(Wait.Deadline));
        Assert.Equal(1, waiting.Readings["edgeproxy_attempts_total{cluster=other,outcome=timeout}"]);
    }

    [Fact]
    public async Task A_client_that_goes_while_the_other_cluster_is_asked_leaves_nothing_under_way()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var silent = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            asked.TrySetResult();
            await connection.StayAsync();
        });
        await using var troubled = await TroubledEdge.StartAsync("503", ToOther, silent.Address);
        using var leave = new CancellationTokenSource();
        var asking = troubled.Edge.Client.GetAsync("/", leave.Token);
        await asked.Task.WaitAsync(Wait.Patience);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        foreach (var cluster in new[] { "up", "other" })
        {
            await Wait.UntilAsync(
                async () =>
                {
                    using var answer = JsonDocument.Parse(await troubled.Edge.Admin.GetStringAsync($"/v1/clusters/{cluster}"));
                    return answer.RootElement.GetProperty("destinations")[0].GetProperty("inFlight").GetInt32() == 0;
                },
                $"nothing is under way at {cluster}");
        }
    }

    [Fact]
    public async Task A_kept_answer_is_no_upstream_s_error_to_be_normalised()
    {
        const string Own = "\"Static\": { \"Status\": 503, \"ContentType\": \"text/plain\", \"Body\": \"kept\" }";
        await using var troubled = await TroubledEdge.StartAsync(
            "503", Any + Own, route: "\"NormalizeUpstreamErrors\": \"NonConforming\",");

        using var answer = await GetAsync(troubled, isHttp2: false, "/");

        Assert.Equal("kept", await answer.Content.ReadAsStringAsync(Wait.Deadline));
    }

    private static ByteArrayContent Call() => new([0, 0, 0, 0, 2, 7, 7]) { Headers = { ContentType = new("application/grpc") } };

    private static async Task<HttpResponseMessage> GetAsync(TroubledEdge troubled, bool isHttp2, string path)
    {
        if (!isHttp2)
        {
            return await troubled.Edge.Client.GetAsync(path, Wait.Deadline);
        }

        using var client = new Http2Client(troubled.Edge);
        var answer = await client.SendAsync(HttpMethod.Get, path);
        await answer.Content.LoadIntoBufferAsync(Wait.Deadline);
        return answer;
    }
}
