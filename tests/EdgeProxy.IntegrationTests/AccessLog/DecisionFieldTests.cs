using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.AccessLog;

/// <summary>What was decided, for whoever holds the admin token and asks.</summary>
public sealed class DecisionFieldTests
{
    private const string Ask = "X-Edge-Decision-Token";
    private const string Answer = "X-Edge-Decision";
    private const string Token = "a-token-of-the-admins";

    [Theory, InlineData("1.1"), InlineData("2.0")]
    public async Task Who_asks_with_the_token_is_told_and_the_destination_does_not_see_it(string version)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nX-Edge-Decision: forged\r\nContent-Length: 2\r\n\r\nhi");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), token: Token);

        using var answer = await SendAsync(edge, "/", Token, version);

        var decision = JsonDocument.Parse(Assert.Single(answer.Headers.GetValues(Answer))).RootElement;
        Assert.Equal(Assert.Single(answer.Headers.GetValues("X-Request-Id")), decision.GetProperty("requestId").GetString());
        Assert.Equal(("all", "upstream"), (decision.GetProperty("route").GetString(), decision.GetProperty("madeBy").GetString()));
        var attempt = Assert.Single(decision.GetProperty("attempts").EnumerateArray());
        Assert.Equal(("a", "ok"), (attempt.GetProperty("destination").GetString(), attempt.GetProperty("outcome").GetString()));
        Assert.Matches("^[0-9a-f]{12}$", decision.GetProperty("revision").GetString());
        Assert.Equal("127.0.0.1", decision.GetProperty("client").GetString());
        Assert.DoesNotContain(Ask, Assert.Single(upstream.Heads), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(Token, null)]
    [InlineData(Token, "")]
    [InlineData(Token, "a-token-of-the-admin")]
    [InlineData(Token, "A-token-of-the-admins")]
    [InlineData("", Token)]
    [InlineData("", "")]
    public async Task Nobody_else_is_told_and_no_token_goes_on(string configured, string? presented)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), token: configured);

        using var answer = await SendAsync(edge, "/", presented, "1.1");

        Assert.False(answer.Headers.Contains(Answer));
        Assert.DoesNotContain("Decision", Assert.Single(upstream.Heads), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Two_tokens_are_none_and_an_underscore_is_no_way_past()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), token: Token);
        using var client = await RawClient.OpenAsync(edge.Uri);

        await client.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\n{Ask}: {Token}\r\n{Ask}: {Token}\r\nX_Edge_Decision_Token: {Token}\r\n\r\n");

        Assert.DoesNotContain(Answer, await client.ReadHeadAsync(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Token, Assert.Single(upstream.Heads), StringComparison.Ordinal);
    }

    [Theory, InlineData("1.1"), InlineData("2.0")]
    public async Task Wrong_tokens_are_limited_counted_and_logged_once_without_the_token(string version)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), token: Token);
        using var readings = new Readings(edge);
        var log = Log.Of(edge);

        for (var i = 0; i < 10; i++)
        {
            using var wrong = await SendAsync(edge, "/", "guess-of-a-stranger", version);
            Assert.Equal(HttpStatusCode.OK, wrong.StatusCode);
        }

        using var limited = await SendAsync(edge, "/", Token, version);

        Assert.Equal(HttpStatusCode.OK, limited.StatusCode);
        Assert.False(limited.Headers.Contains(Answer));
        Assert.Equal(10, readings["edgeproxy_decision_tokens_refused_total{reason=wrong}"]);
        Assert.Equal(1, readings["edgeproxy_decision_tokens_refused_total{reason=limited}"]);
        Assert.Contains("127.0.0.1", Assert.Single(log.Entries(LogLevel.Warning), IsOfTokens), StringComparison.Ordinal);
        Assert.DoesNotContain(log.Entries(LogLevel.Trace), entry =>
            entry.Contains("guess-of-a-stranger", StringComparison.Ordinal) || entry.Contains(Token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refusals_and_failures_tell_too()
    {
        await using var edge = await Edge.StartAsync(
            """
            "RateLimits": { "one": { "Limits": [ { "Name": "hour", "Capacity": 1, "Refill": 1, "Every": "1h" } ] } },
            """ + Edge.OneRoute("http://127.0.0.1:1/", "\"RateLimiterPolicy\": \"one\""),
            token: Token);

        using var failed = await SendAsync(edge, "/", Token, "1.1");
        using var refused = await SendAsync(edge, "/", Token, "1.1");

        var decision = JsonDocument.Parse(Assert.Single(failed.Headers.GetValues(Answer))).RootElement;
        Assert.Equal(("edge", "upstream_connection_refused", "refused"), (
            decision.GetProperty("madeBy").GetString(),
            decision.GetProperty("code").GetString(),
            decision.GetProperty("attempts")[0].GetProperty("outcome").GetString()));
        Assert.Equal("allow", decision.GetProperty("limits")[0].GetProperty("decision").GetString());
        decision = JsonDocument.Parse(Assert.Single(refused.Headers.GetValues(Answer))).RootElement;
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("deny", decision.GetProperty("limits")[0].GetProperty("decision").GetString());
        Assert.Equal(0, decision.GetProperty("attempts").GetArrayLength());
    }

    [Theory]
    [InlineData("/", "all")]
    [InlineData("/nowhere", "(none)")]
    public async Task Who_the_client_was_taken_for_is_told_where_no_route_asked_too(string path, string route)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        var hash = Convert.ToHexStringLower(SHA256.HashData("key-of-acme"u8));
        await using var edge = await Edge.StartAsync(
            $$"""
            "Clients": { "ApiKey": { "Header": "X-Key", "Keys": { "acme": { "Sha256": "{{hash}}" } } } },
            """ + Edge.OneRoute(upstream.Address).Replace("/{**rest}", "/", StringComparison.Ordinal),
            token: Token);
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { Ask, Token }, { "X-Key", "key-of-acme" } } };

        using var answer = await edge.Client.SendAsync(request);

        var decision = JsonDocument.Parse(Assert.Single(answer.Headers.GetValues(Answer))).RootElement;
        Assert.Equal((route, "acme"), (decision.GetProperty("route").GetString(), decision.GetProperty("client").GetString()));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_a_fallback_stands_in_for_is_told(bool hasAnswered)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(hasAnswered ? upstream.Address : "http://127.0.0.1:1/", """
                "Fallback": { "On": [ "transport", 503 ], "Static": { "Status": 200, "ContentType": "text/plain", "Body": "kept" } }
                """),
            token: Token);

        using var answer = await SendAsync(edge, "/", Token, "1.1");

        var decision = JsonDocument.Parse(Assert.Single(answer.Headers.GetValues(Answer))).RootElement;
        Assert.Equal(("static", hasAnswered ? "503" : "upstream_connection_refused"), (
            decision.GetProperty("fallback").GetString(), decision.GetProperty("fallbackCause").GetString()));
        Assert.False(decision.TryGetProperty("code", out _));
    }

    private static bool IsOfTokens(string entry) => entry.Contains(Ask, StringComparison.Ordinal);

    private static async Task<HttpResponseMessage> SendAsync(Edge edge, string path, string? token, string version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path)
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation(Ask, token);
        }

        return await edge.Client.SendAsync(request, Wait.Deadline);
    }
}
