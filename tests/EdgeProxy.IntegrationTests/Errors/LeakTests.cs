using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Whatever fails, the answer says nothing of what stands behind the edge, nor does it repeat the request.</summary>
public sealed partial class LeakTests
{
    /// <summary>What must not be in any answer, in any form. The names with `inner` are ids of the configuration below.</summary>
    private static readonly string[] Secrets =
    [
        "inner-", "127.0.0.1", "255.255.255.255", "localhost", "nobody.invalid", "/tmp/", "edgeproxy.json", "Exception", "System.",
        "   at ", "StackExchange", "EVALSHA", "EVAL", "SELECT", "NOSCRIPT", "redis", "s3cret", "acme", "of-the-request", "Kestrel", "Yarp",
        "HttpRequest", "Socket", "errno", "::1",
    ];

    /// <summary>Targets by the code that they end in.</summary>
    private static readonly (string Code, string Request)[] Requests =
    [
        ("upstream_connection_refused", "GET /refused"), ("dns_error", "GET /dns"), ("upstream_unroutable", "GET /unroutable"),
        ("upstream_connection_reset", "GET /closes"), ("upstream_protocol_error", "GET /rubbish"),
        ("upstream_header_too_large", "GET /huge"), ("upstream_response_timeout", "GET /silent"), ("upstream_idle_timeout", "GET /idle"),
        ("upstream_response_truncated", "GET /short"), ("deadline_exceeded", "GET /late"), ("upstream_tls_handshake", "GET /tls"),
        ("no_healthy_destination", "GET /down"), ("unauthenticated", "GET /known"), ("rate_limited", "GET /limited"),
        ("quota_exceeded", "GET /quota"), ("rate_limiter_unavailable", "GET /closed"), ("route_not_found", "GET /nowhere"),
        ("method_not_allowed", "DELETE /get-only"), ("method_not_supported", "TRACE /refused"), ("invalid_path", "GET /refused%zz"),
        ("uri_too_long", "GET /refused/" + new string('x', 9000)),
    ];

    /// <summary>Requests that the server or the guard refuses, as bytes.</summary>
    private static readonly (string Code, string Request)[] Broken =
    [
        ("malformed_request", "GET /of-the-request HTTP/1.1 of-the-request\r\nHost: a\r\n\r\n"),
        ("invalid_host", "GET / HTTP/1.1\r\nX: of-the-request\r\n\r\n"),
        ("http_version_not_supported", "GET /of-the-request HTTP/7.0\r\nHost: a\r\n\r\n"),
        ("header_too_large", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: "
            + string.Concat(Enumerable.Repeat("of-the-request", 3000)) + "\r\n\r\n"),
        ("too_many_headers", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            + string.Concat(Enumerable.Range(0, 150).Select(i => $"X-{i}: of-the-request\r\n")) + "\r\n"),
        ("ambiguous_framing", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nof-the-request"),
        ("body_too_large", "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\nof-the-request"),
    ];

    [Fact]
    public async Task No_answer_tells_of_what_stands_behind_the_edge_or_repeats_the_request()
    {
        await using var closes = Faulty.Upstream("closes");
        await using var rubbish = Faulty.Upstream("answers rubbish");
        await using var huge = Faulty.Upstream("answers huge fields");
        await using var silent = Faulty.Upstream("is silent");
        await using var shortened = Faulty.Upstream("ends before the body");
        await using var fine = await Upstream.StartAsync();
        await using var edge = await Edge.StartAsync(
            Document(closes, rubbish, huge, silent, shortened, fine), "\"Store\": { \"Redis\": \"127.0.0.1:1,password=s3cret\" }");
        await RawClient.ExchangeAsync(edge.Uri, Complete("GET /limited", ""));
        await RawClient.ExchangeAsync(edge.Uri, Complete("GET /quota", ""));

        foreach (var form in new[] { "", "Accept: text/html\r\n", "Content-Type: application/grpc\r\n" })
        {
            foreach (var (code, request) in Requests)
            {
                await ExpectAsync(edge, code, Complete(request, form));
            }
        }

        foreach (var (code, request) in Broken)
        {
            await ExpectAsync(edge, code, request);
        }
    }

    private static async Task ExpectAsync(Edge edge, string code, string request)
    {
        var answer = await RawClient.ExchangeAsync(edge.Uri, request);
        Assert.True(answer.Text.Contains(code, StringComparison.Ordinal), $"not {code} but: {answer.Text}");

        // Ids are random, and the texts of the catalogue are fixed.
        var text = Ids().Replace(answer.Text, "");
        Assert.All(Secrets, secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));
    }

    private static string Complete(string line, string fields) =>
        $"{line}?q=of-the-request HTTP/1.1\r\nHost: of-the-request.example\r\n{fields}Cookie: of-the-request=1\r\n"
        + "X-Request-Id: of-the-request\r\nX-Api-Key: of-the-request\r\nConnection: close\r\n\r\n";

    private static string Document(
        RawUpstream closes, RawUpstream rubbish, RawUpstream huge, RawUpstream silent, RawUpstream shortened, Upstream fine)
    {
        var (routes, clusters) = (new StringBuilder(), new StringBuilder());
        void Add(string name, string address, string route = "", string cluster = "", string destination = "", string match = "")
        {
            var comma = routes.Length > 0 ? "," : "";
            routes.Append($$"""
                {{comma}} "inner-route-{{name}}": { "ClusterId": "inner-cluster-{{name}}",
                    "Match": { "Path": "/{{name}}/{**rest}" {{match}} } {{route}} }
                """);
            clusters.Append($$"""
                {{comma}} "inner-cluster-{{name}}": {
                    "Destinations": { "inner-destination": { "Address": "{{address}}" {{destination}} } } {{cluster}} }
                """);
        }

        Add("refused", "http://127.0.0.1:1/");
        Add("dns", "http://nobody.invalid/");
        Add("unroutable", "http://255.255.255.255:9/");
        Add("closes", closes.Address);
        Add("rubbish", rubbish.Address);
        Add("huge", huge.Address);
        Add("short", shortened.Address);
        Add("silent", silent.Address, cluster: ", \"Timeouts\": { \"PerTry\": \"300ms\" }");
        Add("idle", silent.Address, cluster: ", \"Timeouts\": { \"Idle\": \"300ms\" }");
        Add("late", silent.Address, ", \"Timeout\": \"300ms\"");
        Add("tls", fine.Address.Replace("http:", "https:", StringComparison.Ordinal));
        Add("down", fine.Address, destination: ", \"State\": \"Down\"");
        Add("known", fine.Address, ", \"RequireClient\": true");
        Add("limited", fine.Address, ", \"RateLimits\": [ \"inner-limited\" ]");
        Add("quota", fine.Address, ", \"RateLimits\": [ \"inner-quota\" ]");
        Add("closed", fine.Address, ", \"RateLimits\": [ \"inner-closed\" ]");
        Add("small", fine.Address, ", \"MaxRequestBodySize\": 1");
        Add("get-only", fine.Address, match: ", \"Methods\": [ \"GET\" ]");
        const string Hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        return $$"""
            "Clients": { "ApiKey": { "Header": "X-Api-Key", "Keys": { "acme": { "Sha256": "{{Hash}}" } } } },
            "RateLimits": {
              "inner-limited": { "Per": "Client", "Limits": [ { "Name": "m", "Capacity": 1, "Refill": 1, "Every": "30m" } ] },
              "inner-quota": { "Per": "Client", "Limits": [ { "Name": "d", "Capacity": 1, "Refill": 1, "Every": "1d" } ] },
              "inner-closed": { "Per": "Client", "OnStoreOutage": "Closed",
                                "Limits": [ { "Name": "c", "Capacity": 9, "Refill": 9, "Every": "1s" } ] } },
            "ReverseProxy": { "Routes": { {{routes}} }, "Clusters": { {{clusters}} } }
            """;
    }

    [GeneratedRegex("[0-9a-f]{32}")]
    private static partial Regex Ids();
}
