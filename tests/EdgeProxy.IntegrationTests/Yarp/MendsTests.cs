using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>What YARP has done wrong in one version or another, and must do right under the edge.</summary>
public sealed class MendsTests
{
    private const string Affinity = "\"SessionAffinity\": { \"Enabled\": true, \"AffinityKeyName\": \"sticky\" }";

    [Fact]
    public async Task Session_affinity_works_without_a_policy_named()
    {
        await using var one = await Upstream.StartAsync("one");
        await using var two = await Upstream.StartAsync("two");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(one.Address, cluster: Affinity).Replace(
            "\"a\": {", "\"b\": { \"Address\": \"" + two.Address + "\" }, \"a\": {"));
        var first = await edge.Client.GetAsync("/"); // the client keeps the cookie
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.StartsWith("sticky=", Assert.Single(first.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        var name = await first.Content.ReadAsStringAsync();
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(name, await edge.Client.GetStringAsync("/"));
        }
    }

    [Fact]
    public async Task A_timeout_answers_504_with_session_affinity_too()
    {
        await using var upstream = await Upstream.StartAsync(
            context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address, cluster: Affinity + ", \"HttpRequest\": { \"ActivityTimeout\": \"00:00:00.100\" }"));
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task A_changed_MaxRequestBodySize_holds_after_a_reload()
    {
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 10"));
        Assert.NotEqual(HttpStatusCode.NoContent, (await edge.Client.PostAsync("/", new ByteArrayContent(new byte[100]))).StatusCode);
        await Reload.ApplyAsync(edge, Edge.OneRoute(upstream.Address, "\"MaxRequestBodySize\": 1000"));
        Assert.Equal(HttpStatusCode.NoContent, (await edge.Client.PostAsync("/", new ByteArrayContent(new byte[100]))).StatusCode);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\nhi\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi")]
    [InlineData("Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!")]
    public async Task An_answer_with_more_than_one_length_is_refused(string rest)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\n" + rest);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        Assert.Equal(HttpStatusCode.BadGateway, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")]
    [InlineData("099 Low\r\nContent-Length: 0\r\n\r\n")]
    public async Task An_answer_that_ends_no_request_is_refused(string rest)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 " + rest);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.Equal(502, answer.Status);
        Assert.Equal("upstream_protocol_error", answer.Code);
    }

    [Fact]
    public async Task A_length_on_an_answer_without_a_body_does_no_harm()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        Assert.Equal(HttpStatusCode.NoContent, (await edge.Client.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 0\r\n\r\n")]
    public async Task A_205_has_no_body_whatever_the_upstream_sends(string rest)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 205 Reset Content\r\nX-Kept: y\r\n" + rest);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.Equal(205, answer.Status);
        Assert.Contains("X-Kept: y", answer.Head, StringComparison.Ordinal);
        Assert.DoesNotContain("hello", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("All is well", "200 All is well")]
    [InlineData("O\u0001K", "200 OK")]
    [InlineData("\u007f", "200 OK")]
    [InlineData("caf\u00e9", "200 OK")]
    public async Task A_reason_that_cannot_be_read_is_replaced(string reason, string expected)
    {
        await using var upstream = RawUpstream.Answering($"HTTP/1.1 200 {reason}\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {expected}\r\n", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Yarp.ReverseProxy.Forwarder.HttpForwarder", LogLevel.Warning)] // a warning and a stack trace a client that goes
    [InlineData("Yarp.ReverseProxy.Health.ActiveHealthCheckMonitor", LogLevel.Warning)] // a line a failed probe
    [InlineData("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Critical)] // an Activity a request, when enabled at all
    public async Task Noise_is_off(string category, LogLevel level)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        Assert.False(edge.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).IsEnabled(level));
    }

    [Fact]
    public async Task No_key_ring_is_made_on_disk()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"));
        var started = edge.Services.GetServices<IHostedService>().Select(service => service.GetType().Name);
        Assert.DoesNotContain("DataProtectionHostedService", started);
    }
}
