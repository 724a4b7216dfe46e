using System.Collections.Immutable;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>What is allowed, and hurts traffic without a word: each has a warning of its own, and what is near to it has none.</summary>
public sealed class RouteWarningTests
{
    [Theory]
    [InlineData("/**", "/{**rest}")]
    [InlineData("/a/*", "/a/{**rest}")]
    [InlineData("/a/*/b", "/a/{any}/b")]
    [InlineData("/*/b/*/**", "/{any}/b/{any1}/{**rest}")]
    [InlineData("/a/{**rest}", null)]
    [InlineData("/a*b", null)]
    public void A_star_that_is_no_wildcard_comes_with_what_was_meant(string path, string? suggestion)
    {
        var faults = Configurations.Read(Configurations.Document().Replace("/{**rest}", path, StringComparison.Ordinal)).Faults;

        Assert.Equal(suggestion is null ? [] : ["literal_star"], faults.Select(fault => fault.Code));
        Assert.All(faults, fault => Assert.Equal(suggestion, fault.Suggestion));
    }

    [Theory]
    [InlineData("/a/{id}", """{ "PathPattern": "/b/{id}" }""", null)]
    [InlineData("/a/{id}", """{ "PathPattern": "/b/{name}" }""", "unknown_route_value")]
    [InlineData("/a/{id}", """{ "PathPattern": "/b/{name=x}" }""", null)]
    [InlineData("/a/{id}", """{ "QueryRouteParameter": "q", "Set": "ID" }""", null)]
    [InlineData("/a/{id}", """{ "QueryRouteParameter": "q", "Append": "name" }""", "unknown_route_value")]
    [InlineData("/a/{id}", """{ "RequestHeaderRouteValue": "X-Id", "Set": "name" }""", "unknown_route_value")]
    [InlineData("/api/{id}", """{ "PathRemovePrefix": "/API" }""", null)]
    [InlineData("/api/{id}", """{ "PathRemovePrefix": "/ap" }""", "unmatched_prefix")]
    [InlineData("/api/{id}", """{ "PathRemovePrefix": "/apis" }""", "unmatched_prefix")]
    [InlineData("/api/{id}", """{ "PathRemovePrefix": "/api/v1/x" }""", "unmatched_prefix")]
    [InlineData("/api/{id}", """{ "PathRemovePrefix": "/api/v1" }""", null)]
    [InlineData("/{**rest}", """{ "PathRemovePrefix": "/api" }""", null)]
    [InlineData("/api/{id}", """{ "PathPrefix": "/v2" }, { "PathRemovePrefix": "/v2" }""", null)]
    [InlineData("/a", """{ "ClientCert": "X-Cert" }""", "no_client_certificate")]
    public void A_transform_that_does_nothing_on_its_route_is_warned_of(string path, string transforms, string? code) => AssertCode(
        code,
        Configurations.Document(route: $"\"Transforms\": [ {transforms} ]")
            .Replace("\"/{**rest}\"", $"\"{path}\"", StringComparison.Ordinal));

    [Theory]
    [InlineData("true", "unverified_upstream")]
    [InlineData("false", null)]
    public void A_certificate_that_nobody_looks_at_is_warned_of(string accepted, string? code) => AssertCode(
        code, Configurations.Document(cluster: $"\"HttpClient\": {{ \"DangerousAcceptAnyServerCertificate\": {accepted} }}"));

    [Theory]
    [InlineData("""{ "a": { "Address": "http://a:80/" }, "b": { "Address": "https://b:443/" } }""", "", null)]
    [InlineData("""{ "a": { "Address": "http://a:5001/" }, "b": { "Address": "https://b:5001/" } }""", "", "mixed_schemes")]
    [InlineData("""{ "a": { "Address": "https://a:5001/" }, "b": { "Address": "https://b:5001/" } }""", "", null)]
    [InlineData("""{ "a": { "Address": "http://a/", "Weight": 0 }, "b": { "Address": "http://b/", "State": "Down" } }""", "", "no_weight")]
    [InlineData("""{ "a": { "Address": "http://a/", "Weight": 0 }, "b": { "Address": "http://b/" } }""", "", null)]
    [InlineData(
        """{ "a": { "Address": "http://a/" } }""", ", \"Timeouts\": { \"PerTry\": \"10s\", \"Idle\": \"5s\" }", "idle_below_per_try")]
    [InlineData("""{ "a": { "Address": "http://a/" } }""", ", \"Timeouts\": { \"PerTry\": \"5m\" }", "idle_below_per_try")]
    [InlineData("""{ "a": { "Address": "http://a/" } }""", ", \"Timeouts\": { \"PerTry\": \"10s\" }", null)]
    [InlineData(
        """{ "a": { "Address": "http://a/" } }""",
        ", \"Timeouts\": { \"PerTry\": \"9s\" }, \"HttpRequest\": { \"ActivityTimeout\": \"8s\" }", "idle_below_per_try")]
    public void A_cluster_that_cannot_do_what_it_says_is_warned_of(string destinations, string more, string? code) => AssertCode(
        code,
        $$"""
        { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } } },
                            "Clusters": { "c": { "Destinations": {{destinations}} {{more}} } } } }
        """);

    [Fact]
    public void A_routes_own_wait_is_held_against_the_silence_of_its_cluster() => AssertCode(
        "idle_below_per_try",
        Configurations.Document(
            route: """ "Timeouts": { "PerTry": "9s" } """, cluster: """ "HttpRequest": { "ActivityTimeout": "8s" } """));

    [Theory]
    [InlineData("\"Path\": \"/shop.Orders/{**rest}\"", "1.1", true)]
    [InlineData("\"Path\": \"/shop.v1.Orders/List\"", "1.0", true)]
    [InlineData("\"Path\": \"/x\", \"Headers\": [ { \"Name\": \"content-type\", \"Values\": [ \"application/grpc\" ] } ]", "1.1", true)]
    [InlineData(
        "\"Path\": \"/x\", \"Headers\": [ { \"Name\": \"Content-Type\", \"Values\": [ \"application/grpc-web\" ] } ]", "1.0", false)]
    [InlineData("\"Path\": \"/shop.Orders/{**rest}\"", "2", false)]
    [InlineData("\"Path\": \"/index.html\"", "1.1", false)]
    public void A_route_of_gRPC_to_a_cluster_of_HTTP_1_is_warned_of(string match, string version, bool isWarned) => AssertCode(
        isWarned ? "grpc_needs_http2" : null,
        Configurations.Document("\"MaxRequestBodySize\": -1", cluster: $$""" "HttpRequest": { "Version": "{{version}}" } """)
            .Replace("\"Path\": \"/{**rest}\"", match, StringComparison.Ordinal));

    [Theory]
    [InlineData("5ms", 10, "short_every")]
    [InlineData("5m", 10, null)]
    [InlineData("1s", 1, null)]
    [InlineData("50ms", 5000, null)]
    public void Tokens_that_come_back_within_milliseconds_are_warned_of(string every, int capacity, string? code)
    {
        var faults = AssertCode(code, Configurations.Document(
            route: "\"RateLimits\": [ \"p\" ]",
            sections: $$"""
                "RateLimits": { "p": { "Limits": [ { "Name": "l", "Capacity": {{capacity}}, "Refill": 1, "Every": "{{every}}" } ] } },
                """));
        Assert.All(faults, fault => Assert.Equal("5m", fault.Suggestion));
    }

    [Theory]
    [InlineData(true, "", "missing_limit")]
    [InlineData(true, ", \"RateLimiterPolicy\": \"Disable\"", null)]
    [InlineData(false, "", null)]
    public void A_route_without_the_limit_that_the_others_of_its_path_have_is_warned_of(bool isOneFile, string more, string? code)
    {
        const string Get = """ "get": { "ClusterId": "c", "Match": { "Path": "/a", "Methods": [ "GET" ] }, "RateLimits": [ "p" ] } """;
        var post = $$""" "post": { "ClusterId": "d", "Match": { "Path": "/a", "Methods": [ "POST" ] } {{more}} } """;
        const string Rest = """
            "RateLimits": { "p": { "Limits": [ { "Name": "l", "Capacity": 10, "Refill": 1, "Every": "1s" } ] } },
            """;
        const string Clusters = """
            "Clusters": { "c": { "Destinations": { "d": { "Address": "http://a/" } } },
                          "d": { "Destinations": { "d": { "Address": "http://b/" } } } }
            """;
        (string, string)[] files = isOneFile
            ? [("edge.json", $$"""{ {{Rest}} "ReverseProxy": { "Routes": { {{Get}}, {{post}} }, {{Clusters}} } }""")]
            :
            [
                ("edge.json", $$"""{ {{Rest}} "ReverseProxy": { "Routes": { {{Get}} }, {{Clusters}} } }"""),
                ("other.json", $$"""{ "ReverseProxy": { "Routes": { {{post}} } } }"""),
            ];

        Assert.Equal(code is null ? [] : [code], Configurations.Read(files).Faults.Select(fault => fault.Code));
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("\"Timeout\": \"30s\"", "", false)]
    [InlineData("\"AbandonedAfter\": \"1m\"", "", false)]
    [InlineData("\"Timeouts\": { \"PerTry\": \"10s\" }", "", false)]
    [InlineData("", "\"Timeouts\": { \"ResponseHeaders\": \"10s\" }", false)]
    [InlineData("", "\"Timeouts\": { \"Idle\": \"10s\" }", false)]
    [InlineData("", "\"Timeouts\": { \"Connect\": \"1s\" }", true)]
    [InlineData("", "\"HttpRequest\": { \"ActivityTimeout\": \"20s\" }", false)]
    public void A_route_on_which_nothing_bounds_the_wait_for_a_response_is_warned_of(string route, string cluster, bool isWarned)
    {
        var read = Configurations.ReadAll([("a.json", Configurations.Document(route, cluster))]);

        Assert.Equal(isWarned ? ["unbounded_wait"] : [], read.Faults.Select(fault => fault.Code));
        Assert.All(read.Faults, fault => Assert.Equal("$.ReverseProxy.Routes.r", fault.Path));
    }

    [Fact]
    public void Waits_without_a_bound_are_said_once_a_cluster()
    {
        var read = Configurations.ReadAll([("a.json", Configurations.Document().Replace(
            "\"Routes\": {",
            """
            "Routes": { "p": { "ClusterId": "C", "Match": { "Path": "/p" } }, "q": { "ClusterId": "c", "Match": { "Path": "/q" } },
            """,
            StringComparison.Ordinal))]);

        Assert.Contains("(and 2 more of the cluster)", Assert.Single(read.Faults).Message, StringComparison.Ordinal);
    }

    private static ImmutableArray<Fault> AssertCode(string? code, string document)
    {
        var read = Configurations.Read(document);
        Assert.NotNull(read.Revision);
        Assert.Equal(code is null ? [] : [code], read.Faults.Select(fault => fault.Code));
        return read.Faults;
    }
}
