using System.Net;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>A stranger's claims reach nobody: no destination through a transform, no matcher, no key of a limit.</summary>
public sealed class ClaimsTests
{
    private const string Nothing = "HTTP/1.1 204 No Content\r\n\r\n";

    private const string AllowAll = "{ \"RequestHeadersAllowed\": \"X-Forwarded-For;X-Forwarded-Host;X-Forwarded-Proto;Forwarded;X-Real-IP;"
        + "X-Request-Id;traceparent;tracestate;X-Other;X-Secret;X_Forwarded_For;X_Real_IP;X-Edge-Attempt;X-Api-Key;Content-Type;Connection;"
        + "Upgrade;Keep-Alive;TE;Proxy-Authorization;Transfer-Encoding;Content-Length\" }";

    private const string Claims = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n"
        + "Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Request-Id: evilevilevilevilevil\r\nX_Real_IP: 6.6.6.6\r\n"
        + "traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\ntracestate: a=b\r\nX-Other: mine\r\nX-Secret: evil\r\n"
        + "X_Forwarded_For: 6.6.6.6\r\nX-Edge-Attempt: 9\r\nProxy-Authorization: Basic evil\r\nKeep-Alive: evil\r\nTE: evil\r\n"
        + "Connection: X-Secret\r\n";

    [Theory]
    [InlineData("")]
    [InlineData(", \"Retry\": {}")]
    [InlineData(", \"Fallback\": { \"Static\": {} }")]
    public async Task Allowed_fields_of_a_stranger_carry_none_of_its_claims(string more)
    {
        var head = await HeadAsync($"\"Transforms\": [ {AllowAll} ] {more}", Claims);

        Assert.Equal(["127.0.0.1"], Values(head, "X-Forwarded-For"));
        Assert.Equal(["edge.test"], Values(head, "X-Forwarded-Host"));
        Assert.Equal(["http"], Values(head, "X-Forwarded-Proto"));
        Assert.Matches("^[0-9a-f]{32}$", Assert.Single(Values(head, "X-Request-Id")));
        Assert.Matches("^00-1{32}-(?!2{16})[0-9a-f]{16}-01$", Assert.Single(Values(head, "traceparent")));
        Assert.Equal(["a=b"], Values(head, "tracestate"));
        Assert.Equal(["mine"], Values(head, "X-Other"));
        Assert.DoesNotContain("6.6.6.6", head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", head, StringComparison.Ordinal);
        string[] gone = ["X-Edge-Attempt", "Connection", "TE", "Keep-Alive", "Proxy-Authorization", "X-Secret"];
        Assert.All(gone, name => Assert.DoesNotContain(Values(head, name), value => value is not "1"));
    }

    [Theory]
    [InlineData("""{ "X-Forwarded": "Append" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "X-Forwarded": "Append" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "Forwarded": "for,proto,host", "Action": "Append" }""")]
    [InlineData("""{ "Forwarded": "for,proto,host", "Action": "Append" }, { "RequestHeadersCopy": "false" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "RequestHeader": "X-Real-IP", "Append": "own" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "RequestHeader": "X-Forwarded-For", "Append": "own" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "RequestHeader": "X-Secret", "Append": "own" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "RequestHeader": "Proxy-Authorization", "Append": "own" }""")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "RequestHeader": "X-Request-Id", "Append": "own" }""")]
    public async Task What_a_transform_appends_to_is_not_a_stranger_s_claim(string transforms)
    {
        var head = await HeadAsync($"\"Transforms\": [ {transforms} ]", Claims);
        Assert.DoesNotContain("6.6.6.6", head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "RequestHeadersCopy": "false" }""", "https", "203.0.113.7, 127.0.0.1")]
    [InlineData(AllowAll, "https", "203.0.113.7, 127.0.0.1")]
    [InlineData("""{ "RequestHeadersCopy": "false" }, { "X-Forwarded": "Append" }""", "https,http", "203.0.113.7,127.0.0.1")]
    public async Task A_trusted_peer_s_word_passes_where_fields_are_not_copied(string transforms, string proto, string chain)
    {
        var head = await HeadAsync($"\"Transforms\": [ {transforms} ]",
            "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n",
            "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");
        Assert.Equal(chain, string.Join(',', Values(head, "X-Forwarded-For")).Replace(", ", transforms.Contains("Append") ? "," : ", "));
        Assert.Equal(proto, string.Join(',', Values(head, "X-Forwarded-Proto")).Replace(" ", ""));
    }

    [Fact]
    public async Task Connection_takes_no_trusted_peer_s_word_away()
    {
        var head = await HeadAsync("", "Connection: X-Forwarded-Proto, X-Forwarded-For\r\nX-Forwarded-For: 203.0.113.7\r\n"
            + "X-Forwarded-Proto: https\r\n", "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");
        Assert.Equal(["https"], Values(head, "X-Forwarded-Proto"));
        Assert.Equal(["203.0.113.7, 127.0.0.1"], Values(head, "X-Forwarded-For"));
    }

    [Theory]
    [InlineData("X-Forwarded-For", "")]
    [InlineData("Forwarded", "")]
    [InlineData("X-Real-IP", "")]
    [InlineData("X-Forwarded-Proto", "")]
    [InlineData("X_Forwarded_For", "")]
    [InlineData("X-Forwarded-For", "\"TrustedProxies\": [ \"127.0.0.0/8\" ]")]
    public async Task A_route_is_entered_by_claims_of_trusted_peers_alone(string field, string trusted)
    {
        await using var upstream = RawUpstream.Answering(Nothing);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address).Replace(
            "\"Path\": \"/{**rest}\"", $$"""
            "Path": "/{**rest}", "Headers": [ { "Name": "{{field}}", "Values": [ "10.0.0.5" ] } ]
            """, StringComparison.Ordinal), trusted);
        var answer = await RawClient.ExchangeAsync(
            edge.Uri, $"GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n{field}: 10.0.0.5\r\n\r\n");
        Assert.Equal(trusted.Length > 0 ? 204 : 404, answer.Status);
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Real-IP")]
    [InlineData("Forwarded")]
    [InlineData("X-Request-Id")]
    public async Task A_stranger_makes_no_bucket_a_request_by_what_only_a_proxy_may_say(string field)
    {
        await using var upstream = RawUpstream.Answering(Nothing);
        await using var edge = await Edge.StartAsync($$"""
            "RateLimits": { "one": { "Per": "Header:{{field}}",
              "Limits": [ { "Name": "h", "Capacity": 1, "Refill": 1, "Every": "1h" } ] } },
            """ + Edge.OneRoute(upstream.Address, "\"RateLimiterPolicy\": \"one\""));
        var expected = new[] { ("first-first", HttpStatusCode.NoContent), ("second-second", HttpStatusCode.TooManyRequests) };
        foreach (var (name, status) in expected)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation(field, name);
            Assert.Equal(status, (await edge.Client.SendAsync(request)).StatusCode);
        }
    }

    [Fact]
    public async Task A_key_in_a_field_of_one_connection_is_still_recognised()
    {
        await using var upstream = RawUpstream.Answering(Nothing);
        await using var edge = await Edge.StartAsync("""
            "Clients": { "ApiKey": { "Header": "Proxy-Authorization", "Keys": { "k": {
              "Sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" } } } },
            """ + Edge.OneRoute(upstream.Address, "\"RequireClient\": true"));
        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\nProxy-Authorization: secret\r\n\r\n");
        Assert.Equal(204, answer.Status);
    }

    [Theory]
    [InlineData("""{ "RequestHeadersCopy": "false" }""")]
    [InlineData("""{ "RequestHeadersAllowed": "X-Other" }""")]
    [InlineData("""{ "RequestHeadersAllowed": "Content-Length;Transfer-Encoding" }""")]
    public async Task A_length_stays_a_length_where_fields_are_not_copied(string transform)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.ReadExactlyAsync(5);
            await connection.SendAsync(Nothing);
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, $"\"Transforms\": [ {transform} ]"));
        var answer = await RawClient.ExchangeAsync(
            edge.Uri, "POST / HTTP/1.1\r\nHost: e\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal(204, answer.Status);
        var head = upstream.Heads.Single();
        Assert.Equal(["5"], Values(head, "Content-Length"));
        Assert.Empty(Values(head, "Transfer-Encoding"));
    }

    [Theory]
    [InlineData("""{ "ResponseHeadersCopy": "false" }""")]
    [InlineData("""{ "ResponseHeadersAllowed": "X-Other;Keep-Alive;Connection;Transfer-Encoding;Content-Length;X-Request-Id;X-Hop" }""")]
    public async Task A_response_keeps_its_length_and_the_destination_its_connection_where_fields_are_not_copied(string transform)
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=3\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
            + "X-Request-Id: theirs\r\n\r\nhello");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, $"\"Transforms\": [ {transform} ]"));
        var answer = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n");
        Assert.Equal("hello", answer.Body);
        Assert.Equal(["5"], Values(answer.Head, "Content-Length"));
        Assert.Empty(Values(answer.Head, "Transfer-Encoding"));
        Assert.Empty(Values(answer.Head, "Keep-Alive"));
        Assert.Empty(Values(answer.Head, "X-Hop"));
        Assert.DoesNotContain("theirs", answer.Head, StringComparison.Ordinal);
    }

    private static async Task<string> HeadAsync(string route, string fields, string edgeSection = "")
    {
        await using var upstream = RawUpstream.Answering(Nothing);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, route), edgeSection);
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync($"GET / HTTP/1.1\r\nHost: edge.test\r\n{fields}\r\n");
        Assert.Contains(" 204 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return upstream.Heads.Single();
    }

    private static string[] Values(string head, string name) => [.. Regex
        .Matches(head, $"^{Regex.Escape(name)}: ?(.*?)\r?$", RegexOptions.Multiline | RegexOptions.IgnoreCase)
        .Select(line => line.Groups[1].Value)];
}
