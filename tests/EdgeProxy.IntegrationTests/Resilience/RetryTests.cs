using System.Net;
using System.Net.Sockets;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>What is sent again, where, and how often: counted by the upstreams.</summary>
public sealed class RetryTests
{
    private const string Budget = "\"RetryBudget\": { \"ReservePerSecond\": 1000 }, \"CircuitBreaker\": { \"Enabled\": false }";

    /// <summary>Nobody at the address: the request was provably not processed.</summary>
    private static string Nobody(Socket taken)
    {
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return $"http://{taken.LocalEndPoint}/";
    }

    private static RawUpstream Failing(string how) => RawUpstream.Start(async connection =>
    {
        await connection.ReadHeadAsync();
        switch (how)
        {
            case "resets":
                connection.Reset();
                break;
            case "rubbish":
                await connection.SendAsync("rubbish\r\n\r\n");
                break;
            case "silent":
                await connection.StayAsync();
                break;
            case "breaks off":
                await connection.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
                break;
            case "503":
                await connection.SendAsync("HTTP/1.1 503 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
                break;
        }
    });

    /// <summary>Destination `a` is asked first, `b` when it has been tried.</summary>
    private static string Two(string a, string b, string route = "\"Retry\": {}", string cluster = Budget) => $$"""
        "ReverseProxy": {
          "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, {{route}} } },
          "Clusters": { "up": { "LoadBalancingPolicy": "FirstAlphabetical", {{cluster}},
            "Destinations": { "a": { "Address": "{{a}}" }, "b": { "Address": "{{b}}base/", "Host": "b.example" } } } }
        }
        """;

    public static TheoryData<string, string> FailurePoints()
    {
        var points = new TheoryData<string, string>();
        foreach (var point in new[] { "closes", "resets", "rubbish", "silent", "503" })
        {
            foreach (var method in new[] { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "PROPFIND" })
            {
                points.Add(point, method);
            }
        }

        return points;
    }

    [Theory, MemberData(nameof(FailurePoints))]
    public async Task What_may_have_been_processed_is_sent_twice_only_when_it_is_idempotent(string point, string method)
    {
        var idempotent = method is not ("POST" or "PATCH" or "PROPFIND");
        await using var bad = Failing(point);
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(
            bad.Address, good.Address, cluster: Budget + ", \"Timeouts\": { \"PerTry\": \"500ms\" }"));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.SendAsync(Request(method), Wait.Deadline);

        Assert.Equal(idempotent, answer.StatusCode == HttpStatusCode.OK);
        Assert.Single(bad.Heads);
        Assert.Equal(idempotent ? 1 : 0, good.Hits);
        Assert.Equal(idempotent ? 0 : 1, readings["edgeproxy_retries_skipped_total{cluster=up,reason=method}"]);
        Assert.Equal(idempotent ? 1 : 0, readings.Counted("edgeproxy_retries_total").Count());
    }

    [Theory, InlineData("POST"), InlineData("PATCH"), InlineData("PUT"), InlineData("GET")]
    public async Task What_was_not_processed_goes_elsewhere_whatever_its_method(string method)
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var seen = "";
        await using var good = await Upstream.StartAsync(async context =>
        {
            seen = $"{context.Request.Host} {context.Request.Path}{context.Request.QueryString} "
                + await new StreamReader(context.Request.Body).ReadToEndAsync();
        });
        await using var edge = await Edge.StartAsync(Two(Nobody(taken), good.Address));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.SendAsync(Request(method), Wait.Deadline);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("b.example /base/x?y=1 " + (method == "GET" ? "" : "body"), seen);
        Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=refused}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=refused}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=ok}"]);
    }

    [Fact]
    public async Task Idempotent_is_the_route_s_word_for_every_method()
    {
        await using var bad = Failing("503");
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(bad.Address, good.Address, "\"Retry\": { \"Idempotent\": true }"));

        using var answer = await edge.Client.SendAsync(Request("POST"), Wait.Deadline);

        Assert.Equal((HttpStatusCode.OK, 1, 1), (answer.StatusCode, bad.Heads.Count, good.Hits));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_body_beyond_what_is_kept_is_sent_once_and_whole(bool chunked)
    {
        const int Size = 70_000;
        var received = 0L;
        await using var bad = await Upstream.StartAsync(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received = body.Length;
            context.Response.StatusCode = 503;
        });
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(bad.Address, good.Address));
        using var readings = new Readings(edge);
        using var request = Request("PUT");
        request.Content = new ByteArrayContent(new byte[Size]);
        request.Headers.TransferEncodingChunked = chunked ? true : null;

        using var answer = await edge.Client.SendAsync(request, Wait.Deadline);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, 1, 0, Size), (answer.StatusCode, bad.Hits, good.Hits, received));
        Assert.Equal(1, readings["edgeproxy_retries_skipped_total{cluster=up,reason=body}"]);
    }

    [Fact]
    public async Task An_answer_that_has_begun_is_not_tried_again()
    {
        await using var bad = Failing("breaks off");
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(bad.Address, good.Address));
        using var readings = new Readings(edge);

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => edge.Client.GetStringAsync("/", Wait.Deadline));

        Assert.Equal((1, 0), (bad.Heads.Count, good.Hits));
        await Wait.UntilAsync(() => readings["edgeproxy_retries_skipped_total{cluster=up,reason=started}"] == 1, "counted as begun");
    }

    [Theory]
    [InlineData("Retry-After: 60", "retry_after")]
    [InlineData("Retry-After: 1", "deadline")]
    public async Task A_wait_that_is_too_long_or_does_not_fit_passes_the_answer_on(string field, string reason)
    {
        await using var bad = RawUpstream.Answering($"HTTP/1.1 503 No\r\n{field}\r\nContent-Length: 2\r\n\r\nno");
        await using var good = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Two(bad.Address, good.Address, "\"Retry\": {}, \"Timeout\": \"900ms\""));
        using var readings = new Readings(edge);

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);

        Assert.Equal(("no", true, 0), (await answer.Content.ReadAsStringAsync(), answer.Headers.Contains("Retry-After"), good.Hits));
        Assert.Equal(1, readings[$"edgeproxy_retries_skipped_total{{cluster=up,reason={reason}}}"]);
    }

    [Fact]
    public async Task Without_budget_the_last_answer_stands_and_an_error_without_one_says_so()
    {
        using var taken = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var bad = Failing("503");
        const string None = "\"RetryBudget\": { \"Ratio\": 0, \"ReservePerSecond\": 0 }";
        await using var edge = await Edge.StartAsync(Two(bad.Address, Nobody(taken), cluster: None));
        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal("no", await answer.Content.ReadAsStringAsync());
        Assert.Equal("edgeproxy; details=\"retry_budget_exhausted\"", Assert.Single(answer.Headers.GetValues("Proxy-Status")));

        await using var other = await Edge.StartAsync(Two($"http://{taken.LocalEndPoint}/", bad.Address, cluster: None));
        using var error = await other.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, error.StatusCode);
        Assert.Contains("retry_budget_exhausted", Assert.Single(error.Headers.GetValues("Proxy-Status")), StringComparison.Ordinal);
        Assert.Equal("1", Assert.Single(error.Headers.GetValues("Retry-After")));
    }

    [Fact]
    public async Task A_client_that_goes_while_an_attempt_is_waited_for_takes_nothing_from_the_budget()
    {
        const string One = "\"RetryBudget\": { \"Ratio\": 0, \"ReservePerSecond\": 0.001 }";
        await using var bad = RawUpstream.Answering("HTTP/1.1 503 No\r\nContent-Length: 2\r\nRetry-After: 2\r\n\r\nno");
        await using var edge = await Edge.StartAsync(Two(bad.Address, bad.Address, "\"Retry\": { \"Attempts\": 2 }", One));
        using var readings = new Readings(edge);
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await Wait.UntilAsync(
            () => readings["edgeproxy_attempts_total{cluster=up,outcome=server_error}"] == 1, "the first attempt has failed");
        client.Reset();
        await Wait.UntilAsync(
            () => readings.Counted("edgeproxy_errors_total").Any(), "its client is known to have gone");

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal("2", Assert.Single(answer.Headers.GetValues("X-Edge-Attempt-Count")));
    }

    [Theory, InlineData(1), InlineData(3)]
    public async Task An_upstream_that_answers_503_to_everything_sees_a_fifth_more_than_its_clients_send_and_three_a_second(
        int destinations)
    {
        const int Requests = 400;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        var list = string.Join(", ", Enumerable.Range(0, destinations).Select(i =>
            $"\"{i}\": {{ \"Address\": \"{upstream.Address}{i}/\" }}"));
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "Retry": { "Attempts": 3 } } },
              "Clusters": { "up": { "CircuitBreaker": { "Enabled": false }, "Destinations": { {{list}} } } }
            }
            """);
        var started = TimeProvider.System.GetTimestamp();

        await Parallel.ForAsync(0, Requests, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, cancellation) =>
        {
            using var answer = await edge.Client.GetAsync("/", cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        });

        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        Assert.InRange(upstream.Hits, Requests * 1.1, (Requests * 1.2) + (3 * (seconds + 1)));
    }

    [Theory]
    [InlineData(true, "", 2)]
    [InlineData(true, "10", 2)]
    [InlineData(true, "-1", 1)]
    [InlineData(false, "", 1)]
    public async Task A_gRPC_call_that_is_unavailable_is_made_again_where_the_route_and_the_server_allow(
        bool idempotent, string pushback, int calls)
    {
        var bodies = new List<long>();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            bodies.Add(body.Length);
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = bodies.Count == 1 ? "14" : "0";
            if (pushback.Length > 0)
            {
                context.Response.Headers["grpc-retry-pushback-ms"] = pushback;
            }
        }, HttpProtocols.Http2);
        var route = $"\"Retry\": {{ \"Idempotent\": {(idempotent ? "true" : "false")} }}";
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route,
            Budget + ", \"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }"));
        using var client = new Http2Client(edge);
        var call = new ByteArrayContent([0, 0, 0, 0, 2, 7, 7]) { Headers = { ContentType = new("application/grpc") } };

        using var answer = await client.SendAsync(HttpMethod.Post, "/", call);

        Assert.Equal(calls == 2 ? "0" : "14", Assert.Single(answer.Headers.GetValues("grpc-status")));
        Assert.Equal(Enumerable.Repeat(7L, calls), bodies);
    }

    [Fact]
    public async Task A_slow_client_is_a_408_before_any_destination_is_asked()
    {
        await using var upstream = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Retry\": {}, \"Timeout\": \"500ms\""));
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");

        Assert.StartsWith("HTTP/1.1 408 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(0, upstream.Hits);
    }

    private static HttpRequestMessage Request(string method) => new(new HttpMethod(method), "/x?y=1")
    {
        Content = method is "GET" or "HEAD" or "OPTIONS" ? null : new StringContent("body"),
    };
}
