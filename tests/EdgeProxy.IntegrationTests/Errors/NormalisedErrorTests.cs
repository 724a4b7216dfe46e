using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Metrics;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>`NormalizeUpstreamErrors`: upstreams' failures in the one format, and what is left alone.</summary>
public sealed class NormalisedErrorTests
{
    private const string Route = "\"NormalizeUpstreamErrors\": \"NonConforming\"";

    public static TheoryData<int, string, string> Failures()
    {
        var failures = new TheoryData<int, string, string>();
        foreach (var version in new[] { "1.1", "2.0" })
        {
            failures.Add(500, "<h1>at Shop.Cart.Pay() in cart.cs:7</h1>", version);
            failures.Add(503, "", version);
            failures.Add(429, "slow down", version);
            failures.Add(404, "{ \"error\": \"none\" }", version);
            failures.Add(400, new string('x', 65_536), version);
        }

        return failures;
    }

    [Theory, MemberData(nameof(Failures))]
    public async Task A_failing_answer_gets_the_one_format_under_its_own_status(int status, string body, string version)
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/html";
            context.Response.Headers.ETag = "\"1\"";
            context.Response.Headers["X-Powered-By"] = "Shop/1.0";
            context.Response.Headers.RetryAfter = "7";
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"shop\"";
            context.Response.Headers.Allow = "GET, PUT";
            context.Response.Headers.AccessControlAllowOrigin = "*";
            context.Response.Headers["Proxy-Status"] = "inner; received-status=500";
            await context.Response.WriteAsync(body);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await SendAsync(edge, HttpMethod.Get, version);

        var code = status >= 500 ? "upstream_error_normalised" : "upstream_client_error_normalised";
        Assert.Equal(status, (int)answer.StatusCode);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal((code, status, 7), (
            problem.GetProperty("code").GetString(),
            problem.GetProperty("status").GetInt32(),
            problem.GetProperty("retryAfter").GetInt32()));
        Assert.Equal(status >= 500 ? "upstream" : "client", problem.GetProperty("source").GetString());
        Assert.Equal(
            ["inner; received-status=500", $"edgeproxy; received-status={status}; details=\"{code}\""],
            answer.Headers.GetValues("Proxy-Status"));
        Assert.Equal(("7", "Basic realm=\"shop\"", "*"), (
            Assert.Single(answer.Headers.GetValues("Retry-After")), Assert.Single(answer.Headers.GetValues("WWW-Authenticate")),
            Assert.Single(answer.Headers.GetValues("Access-Control-Allow-Origin"))));
        Assert.Equal(["GET", "PUT"], answer.Content.Headers.Allow);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.Equal(("\"1\"", "Shop/1.0"), (answer.Headers.ETag!.Tag, Assert.Single(answer.Headers.GetValues("X-Powered-By"))));
        await Scrape.UntilAsync(edge, Requests("GET", status), 1);
        var scrape = await Scrape.OfAsync(edge);
        Assert.Equal(1, scrape[$"edgeproxy_errors_total{{code=\"{code}\",route=\"all\"}}"]);
    }

    [Fact]
    public async Task A_compressed_body_gives_way_to_one_that_is_not()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = 500;
            context.Response.Headers.ContentEncoding = "gzip";
            await using var zip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await zip.WriteAsync("no"u8.ToArray());
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await SendAsync(edge, HttpMethod.Get, "1.1");

        Assert.Empty(answer.Content.Headers.ContentEncoding);
        Assert.Contains("\"upstream_error_normalised\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory, InlineData("1.1"), InlineData("2.0")]
    public async Task HEAD_gets_the_head_alone(string version)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            context.Response.ContentLength = 1000;
            return Task.CompletedTask;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await SendAsync(edge, HttpMethod.Head, version);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.InRange(answer.Content.Headers.ContentLength!.Value, 200, 999);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData(422, "application/problem+json; charset=utf-8", "{ \"title\": \"mine\" }", true)]
    [InlineData(500, "text/event-stream", "data: 1\n\n", true)]
    [InlineData(500, "application/grpc", "00000", true)]
    [InlineData(200, "text/plain", "fine", true)]
    [InlineData(304, "text/plain", "", true)]
    [InlineData(500, "text/plain", "a long one", true)]
    [InlineData(500, "text/plain", "a long one", false)]
    public async Task What_conforms_and_what_is_no_small_failure_is_left_alone(int status, string type, string body, bool isCounted)
    {
        body = body == "a long one" ? new string('x', 65_537) : body;
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            context.Response.ContentLength = isCounted && status != 304 ? body.Length : null;
            if (body.Length > 0)
            {
                await context.Response.WriteAsync(body);
            }
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await SendAsync(edge, HttpMethod.Get, "1.1");

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType?.ToString());
        Assert.Equal(body, await answer.Content.ReadAsStringAsync());
        Assert.False(answer.Headers.Contains("Proxy-Status"));
    }

    [Fact]
    public async Task A_failing_answer_that_goes_on_is_a_stream_and_arrives_as_it_is_sent()
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = 500;
            await context.Response.WriteAsync("first ");
            await context.Response.Body.FlushAsync();
            await seen.Task;
            await context.Response.WriteAsync("second");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await edge.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Wait.Deadline);
        await using var body = await answer.Content.ReadAsStreamAsync();
        var first = new byte[6];
        await body.ReadExactlyAsync(first, Wait.Deadline);
        seen.SetResult();

        Assert.Equal("first ", Encoding.ASCII.GetString(first));
        Assert.Equal("second", await new StreamReader(body).ReadToEndAsync(Wait.Deadline));
    }

    [Fact]
    public async Task One_that_breaks_off_is_truncated_and_nothing_of_it_arrives()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.SendAsync("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf of");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route));

        using var answer = await SendAsync(edge, HttpMethod.Get, "1.1");

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("\"upstream_response_truncated\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_answer_that_is_left_when_all_attempts_are_made_is_the_one()
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync("no");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route + ", \"Retry\": { \"Attempts\": 3 }"));

        using var answer = await SendAsync(edge, HttpMethod.Get, "1.1");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("\"upstream_error_normalised\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(3, upstream.Hits);
        var scrape = await Scrape.UntilAsync(edge, Requests("GET", 503), 1);
        Assert.Equal(1, scrape["edgeproxy_errors_total{code=\"upstream_error_normalised\",route=\"all\"}"]);
        Assert.Equal(3, scrape["edgeproxy_attempts_total{cluster=\"up\",outcome=\"server_error\"}"]);
    }

    [Theory]
    [InlineData("\"On\": [ \"503\" ]", "kept")]
    [InlineData("\"On\": [ \"transport\" ]", "upstream_error_normalised")]
    public async Task A_fallback_comes_first_and_its_answer_is_its_own(string on, string expected)
    {
        await using var upstream = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync("no");
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, Route + $$"""
            , "Fallback": { {{on}}, "Static": { "Status": 503, "ContentType": "text/plain", "Body": "kept" } }
            """));

        using var answer = await SendAsync(edge, HttpMethod.Get, "1.1");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains(expected, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static string Requests(string method, int code) =>
        $"edgeproxy_requests_total{{route=\"all\",method=\"{method}\",code=\"{code}\",made_by=\"upstream\"}}";

    private static Task<HttpResponseMessage> SendAsync(Edge edge, HttpMethod method, string version) => edge.Client.SendAsync(
        new HttpRequestMessage(method, "/")
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        },
        Wait.Deadline);
}
