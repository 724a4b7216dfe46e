using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>Fields toward the destination and back: whose word counts, and what goes no further than one connection.</summary>
public sealed class RequestFieldsTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Nothing = "HTTP/1.1 204 No Content\r\n\r\n";

    [Fact]
    public async Task A_stranger_s_claims_are_replaced()
    {
        var head = await HeadAsync(("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "bank.example"),
            ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Port", "1"), ("Forwarded", "for=6.6.6.6"), ("X-Request-Id", "from-a-stranger"));

        Assert.Equal("127.0.0.1", Field(head, "X-Forwarded-For"));
        Assert.Equal("http", Field(head, "X-Forwarded-Proto"));
        Assert.StartsWith("127.0.0.1:", Field(head, "X-Forwarded-Host"), StringComparison.Ordinal);
        Assert.Null(Field(head, "X-Forwarded-Prefix"));
        Assert.Null(Field(head, "X-Forwarded-Port"));
        Assert.Null(Field(head, "Forwarded"));
        Assert.Matches("^[0-9a-f]{32}$", Field(head, "X-Request-Id"));
    }

    [Fact]
    public async Task A_trusted_peer_s_claims_are_kept_and_its_address_appended()
    {
        var head = await TrustedHeadAsync(("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "shop.example"), ("Forwarded", "for=203.0.113.7"), ("X-Request-Id", "from.a_friend-1"));

        Assert.Equal("203.0.113.7, 127.0.0.1", Field(head, "X-Forwarded-For"));
        Assert.Equal("https", Field(head, "X-Forwarded-Proto"));
        Assert.Equal("shop.example", Field(head, "X-Forwarded-Host"));
        Assert.Equal("for=203.0.113.7", Field(head, "Forwarded"));
        Assert.Equal("from.a_friend-1", Field(head, "X-Request-Id"));
    }

    [Theory]
    [InlineData("short")]
    [InlineData("has spaces in it")]
    [InlineData("newline%0ainjected!")]
    public async Task An_unfit_request_id_is_replaced_even_when_it_comes_from_a_trusted_peer(string id) =>
        Assert.Matches("^[0-9a-f]{32}$", Field(await TrustedHeadAsync(("X-Request-Id", id)), "X-Request-Id"));

    [Fact]
    public async Task The_client_is_told_the_id_that_the_destination_saw_and_not_the_destination_s_own()
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\nX-Request-Id: theirs-theirs\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await edge.Client.GetAsync("/");
        Assert.Equal(Field(upstream.Heads.Single(), "X-Request-Id"), Assert.Single(answer.Headers.GetValues("X-Request-Id")));
    }

    [Fact]
    public async Task A_valid_trace_is_continued_with_a_span_of_the_edge()
    {
        var head = await HeadAsync(("traceparent", $"00-{Trace}-00f067aa0ba902b7-00"), ("tracestate", "vendor=1"));
        Assert.Matches($"^00-{Trace}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-00$", Field(head, "traceparent"));
        Assert.Equal("vendor=1", Field(head, "tracestate"));
    }

    [Theory]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")]
    [InlineData("garbage")]
    [InlineData(null)]
    public async Task Without_a_valid_trace_a_new_one_begins_and_the_state_of_the_old_one_goes(string? received)
    {
        var head = received is null
            ? await HeadAsync(("tracestate", "vendor=1"))
            : await HeadAsync(("traceparent", received), ("tracestate", "vendor=1"));
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", Field(head, "traceparent"));
        Assert.DoesNotContain(Trace, head);
        Assert.Null(Field(head, "tracestate"));
    }

    [Fact]
    public async Task What_Connection_nominates_goes_no_further_and_the_edge_s_own_fields_stay()
    {
        var head = await HeadAsync(
            ("Connection", "X-Secret, X-Forwarded-For, traceparent, X-Request-Id, Host"), ("X-Secret", "1"), ("X-Other", "2"));
        Assert.Null(Field(head, "X-Secret"));
        Assert.Equal("2", Field(head, "X-Other"));
        Assert.Equal("127.0.0.1", Field(head, "X-Forwarded-For"));
        Assert.NotNull(Field(head, "traceparent"));
        Assert.NotNull(Field(head, "X-Request-Id"));
        Assert.NotNull(Field(head, "Host"));
    }

    [Fact]
    public async Task Fields_of_one_connection_and_underscore_twins_are_removed()
    {
        var head = await HeadAsync(("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("Proxy-Authorization", "Basic eA=="),
            ("TE", "trailers"), ("X_Forwarded_For", "6.6.6.6"), ("X_Request_Id", "twin-twin"), ("x-forwarded_proto", "https"),
            ("my_field", "kept"));
        string[] gone =
        [
            "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "X_Forwarded_For", "X_Request_Id", "x-forwarded_proto",
        ];
        Assert.All(gone, name => Assert.Null(Field(head, name)));

        Assert.Equal("kept", Field(head, "my_field"));
    }

    [Fact]
    public async Task The_number_of_an_attempt_at_somebody_else_goes_no_further()
    {
        var head = await HeadAsync(("x-edge-attempt", "7"), ("X_Edge_Attempt", "8"));
        Assert.DoesNotContain("attempt", head, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Of_an_answer_the_fields_of_its_connection_and_claims_in_the_edge_s_name_are_removed()
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nServer: theirs\r\n"
            + "Proxy-Status: edgeproxy; error=proxy_internal_error\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await edge.Client.GetAsync("/");
        Assert.False(answer.Headers.Contains("X-Hop"));
        Assert.False(answer.Headers.Contains("Keep-Alive"));
        Assert.False(answer.Headers.Contains("Proxy-Status"));
        Assert.Equal("theirs", answer.Headers.Server.ToString());
        Assert.Equal("2", Assert.Single(answer.Headers.GetValues("X-End")));
    }

    [Fact]
    public async Task Of_an_answer_nothing_is_kept_that_only_the_edge_says_of_answers()
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 200 OK\r\nX-Edge-Decision: forged\r\nx-edge-fallback: stale\r\nX-Edge-Attempt-Count: 2\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        var answer = await edge.Client.GetAsync("/");
        Assert.False(answer.Headers.Contains("X-Edge-Decision"));
        Assert.False(answer.Headers.Contains("X-Edge-Fallback"));
        Assert.Equal("2", Assert.Single(answer.Headers.GetValues("X-Edge-Attempt-Count"))); // of an edge behind this one
    }

    [Fact]
    public async Task Another_proxy_s_status_is_passed_on()
    {
        await using var upstream = RawUpstream.Answering(
            "HTTP/1.1 502 Bad Gateway\r\nProxy-Status: inner; error=dns_error\r\nContent-Length: 0\r\n\r\n");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address));
        Assert.Equal("inner; error=dns_error", Assert.Single((await edge.Client.GetAsync("/")).Headers.GetValues("Proxy-Status")));
    }

    private static Task<string> HeadAsync(params (string Name, string Value)[] fields) => HeadAsync("", fields);

    private static Task<string> TrustedHeadAsync(params (string Name, string Value)[] fields) =>
        HeadAsync("\"TrustedProxies\": [ \"127.0.0.0/8\" ]", fields);

    private static async Task<string> HeadAsync(string edgeSection, (string Name, string Value)[] fields)
    {
        await using var upstream = RawUpstream.Answering(Nothing);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address), edgeSection);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        foreach (var (name, value) in fields)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await edge.Client.SendAsync(request);
        return upstream.Heads.Single();
    }

    private static string? Field(string head, string name)
    {
        var lines = Regex.Matches(head, $"^{Regex.Escape(name)}: ?(.*?)\r?$", RegexOptions.Multiline | RegexOptions.IgnoreCase);
        return lines.Count == 0 ? null : Assert.Single(lines).Groups[1].Value;
    }
}
