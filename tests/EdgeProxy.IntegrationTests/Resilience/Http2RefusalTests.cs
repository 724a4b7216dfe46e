using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace EdgeProxy.IntegrationTests.Resilience;

/// <summary>
/// A destination over HTTP/2 that refuses a request unprocessed gets it again whole, by the rules for retries, or not at all.
/// </summary>
public sealed class Http2RefusalTests
{
    private const string Cluster =
        "\"HttpRequest\": { \"Version\": \"2\", \"VersionPolicy\": \"RequestVersionExact\" }, "
        + "\"RetryBudget\": { \"ReservePerSecond\": 100 }";

    private const byte RefusedStream = 7;

    public enum Refusal
    {
        GoAway,
        GoAwayAndClose,
        RefusedStream,
    }

    public static TheoryData<Refusal, string, bool> Uploads()
    {
        var uploads = new TheoryData<Refusal, string, bool>();
        foreach (var refusal in Enum.GetValues<Refusal>())
        {
            foreach (var kind in new[] { "length", "chunked", "http2" })
            {
                uploads.Add(refusal, kind, false);
                uploads.Add(refusal, kind, true);
            }
        }

        return uploads;
    }

    [Theory, MemberData(nameof(Uploads))]
    public async Task A_body_that_is_kept_is_sent_again_whole(Refusal refusal, string kind, bool atHead)
    {
        await using var upstream = RawHttp2Upstream.Start(server => RefuseFirstAsync(server, refusal, atHead));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Retry\": {}", Cluster));
        using var readings = new Readings(edge);

        var (status, answer) = await PostAsync(edge, kind, "transfer=100000");

        Assert.Equal((HttpStatusCode.OK, "done"), (status, answer));
        Assert.All(upstream.Bodies, body => Assert.Equal("transfer=100000", Encoding.ASCII.GetString(body)));
        Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=refused_stream}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=refused_stream}"]);
    }

    [Theory, InlineData(Refusal.GoAway), InlineData(Refusal.RefusedStream)]
    public async Task A_body_that_is_kept_is_sent_again_whole_over_TLS_too(Refusal refusal)
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
        TestCertificate.Write(folder, "site", "localhost");
        using var certificate = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "site.pem"), Path.Combine(folder, "site.key"));
        Directory.Delete(folder, recursive: true);
        await using var upstream = RawHttp2Upstream.Start(server => RefuseFirstAsync(server, refusal, atHead: true), certificate);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address.Replace("http://127.0.0.1", "https://localhost", StringComparison.Ordinal),
            "\"Retry\": {}", Cluster + ", \"HttpClient\": { \"DangerousAcceptAnyServerCertificate\": true }"));

        var (status, answer) = await PostAsync(edge, "chunked", "transfer=100000");

        Assert.Equal((HttpStatusCode.OK, "done"), (status, answer));
        Assert.All(upstream.Bodies, body => Assert.Equal("transfer=100000", Encoding.ASCII.GetString(body)));
    }

    [Theory]
    [InlineData("chunked"), InlineData("length"), InlineData("http2")]
    public async Task A_body_reaches_the_other_cluster_whole_when_its_own_refused_it(string kind)
    {
        await using var refusing = RawHttp2Upstream.Start(async server =>
        {
            while (true)
            {
                await server.ResetAsync(await server.ReadRequestAsync(), RefusedStream);
            }
        });
        await using var other = RawHttp2Upstream.Start(server => RefuseFirstAsync(server, Refusal.GoAway, atHead: true));
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" },
                "Retry": {}, "Fallback": { "Cluster": "other" } } },
              "Clusters": {
                "up": { "Destinations": { "a": { "Address": "{{refusing.Address}}" } }, {{Cluster}} },
                "other": { "Destinations": { "b": { "Address": "{{other.Address}}" } }, {{Cluster}} }
              }
            }
            """);

        var (status, answer) = await PostAsync(edge, kind, "transfer=100000");

        Assert.Equal((HttpStatusCode.OK, "done"), (status, answer));
        Assert.All(refusing.Bodies.Concat(other.Bodies), body => Assert.Equal("transfer=100000", Encoding.ASCII.GetString(body)));
    }

    [Theory]
    [InlineData(Refusal.GoAway, "length", "")]
    [InlineData(Refusal.GoAway, "chunked", "")]
    [InlineData(Refusal.RefusedStream, "chunked", "")]
    [InlineData(Refusal.GoAway, "length", "\"Retry\": { \"ReplayBodyBytes\": 8 }")]
    [InlineData(Refusal.GoAway, "chunked", "\"Retry\": { \"ReplayBodyBytes\": 8 }")]
    [InlineData(Refusal.RefusedStream, "chunked", "\"Retry\": { \"ReplayBodyBytes\": 8 }")]
    [InlineData(Refusal.RefusedStream, "http2", "\"Retry\": { \"ReplayBodyBytes\": 8 }")]
    public async Task A_body_that_is_not_kept_is_an_error_and_never_sent_in_part(Refusal refusal, string kind, string route)
    {
        await using var upstream = RawHttp2Upstream.Start(server => RefuseFirstAsync(server, refusal, atHead: false));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route, Cluster));

        var (status, answer) = await PostAsync(edge, kind, "transfer=100000");

        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.Contains("upstream_connection_reset", answer);
        Assert.Single(upstream.Bodies);
    }

    [Theory, InlineData(Refusal.GoAway), InlineData(Refusal.GoAwayAndClose), InlineData(Refusal.RefusedStream)]
    public async Task A_request_without_a_body_is_tried_once_more_on_any_route_and_counted(Refusal refusal)
    {
        await using var upstream = RawHttp2Upstream.Start(server => RefuseFirstAsync(server, refusal, atHead: true));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Cluster));
        using var readings = new Readings(edge);

        Assert.Equal("done", await edge.Client.GetStringAsync("/"));
        Assert.Equal(2, upstream.Connections);
        Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=refused_stream}"]);
        Assert.Equal(1, readings["edgeproxy_attempts_total{cluster=up,outcome=refused_stream}"]);
    }

    [Fact]
    public async Task A_destination_that_refuses_all_is_asked_as_often_as_attempts_are_counted()
    {
        var asked = 0;
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            while (true)
            {
                var id = await server.ReadRequestAsync();
                Interlocked.Increment(ref asked);
                await server.ResetAsync(id, RefusedStream);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"Retry\": { \"Attempts\": 3 }", Cluster));
        using var readings = new Readings(edge);

        var (status, _) = await PostAsync(edge, "chunked", "once each");

        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.Equal(3, asked);
        Assert.Equal(3, readings["edgeproxy_attempts_total{cluster=up,outcome=refused_stream}"]);
        Assert.All(upstream.Bodies, body => Assert.Equal("once each", Encoding.ASCII.GetString(body)));
    }

    [Fact]
    public async Task A_connection_that_closes_under_a_request_after_others_is_stale_as_on_HTTP_1()
    {
        await using var upstream = RawHttp2Upstream.Start(async server =>
        {
            var first = await server.ReadRequestAsync();
            await server.AnswerAsync(first, "done"u8.ToArray());
            if (server.Number == 1)
            {
                await server.ReadRequestAsync();
                return; // closes
            }

            await server.Connection.StayAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, cluster: Cluster));
        using var readings = new Readings(edge);

        Assert.Equal("done", await edge.Client.GetStringAsync("/"));
        Assert.Equal("done", await edge.Client.GetStringAsync("/"));
        Assert.Equal(1, readings["edgeproxy_retries_total{cluster=up,reason=stale_connection}"]);
    }

    [Fact]
    public async Task Every_post_through_an_nginx_that_ends_connections_after_20_requests_arrives_whole()
    {
        var bodies = new System.Collections.Concurrent.ConcurrentBag<string>();
        await using var echo = await Upstream.StartAsync(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var body = await reader.ReadToEndAsync();
            bodies.Add(body);
            await context.Response.WriteAsync(body);
        }, HttpProtocols.Http1);
        await using var nginx = await ServerProcess.NginxHttp2BeforeAsync(new Uri(echo.Address), requests: 20);
        await using var edge = await Edge.StartAsync(Edge.OneRoute($"http://127.0.0.1:{nginx.Port}/", "\"Retry\": {}", Cluster));
        using var readings = new Readings(edge);

        var answers = new List<(HttpStatusCode, string)>();
        foreach (var batch in Enumerable.Range(0, 400).Chunk(8))
        {
            answers.AddRange(await Task.WhenAll(batch.Select(number => PostAsync(edge, "chunked", $"body {number}"))));
        }

        Assert.Equal(Enumerable.Range(0, 400).Select(number => (HttpStatusCode.OK, $"body {number}")), answers);
        Assert.Equal(400, bodies.Count); // none twice
        Assert.Empty(readings.Counted("edgeproxy_breaker_transitions_total"));
    }

    private static async Task RefuseFirstAsync(RawHttp2Server server, Refusal refusal, bool atHead)
    {
        var refused = 0;
        if (server.Number == 1)
        {
            var id = refused = atHead ? (await server.ReadAsync()).StreamId : await server.ReadRequestAsync();
            await (refusal == Refusal.RefusedStream ? server.ResetAsync(id, RefusedStream) : server.GoAwayAsync(0));
            if (refusal == Refusal.GoAwayAndClose)
            {
                return;
            }
        }

        while (true)
        {
            if (await server.ReadRequestAsync() is var next && next != refused)
            {
                await server.AnswerAsync(next, "done"u8.ToArray());
            }
        }
    }

    private static async Task<(HttpStatusCode Status, string Body)> PostAsync(Edge edge, string kind, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, edge.Uri) { Content = new StringContent(body) };
        if (kind != "length")
        {
            request.Content.Headers.ContentLength = null;
            request.Content = new StreamContent(new Pipe(body));
        }

        (request.Version, request.VersionPolicy) = kind == "http2"
            ? (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact)
            : (HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact);
        using var answer = await edge.Client.SendAsync(request, Wait.Deadline);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A body whose length nobody can ask for.</summary>
    private sealed class Pipe(string text) : MemoryStream(Encoding.ASCII.GetBytes(text))
    {
        public override bool CanSeek => false;
    }
}
