using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>What the reader accepts, YARP takes and serves: no key that passes the check fails at a request.</summary>
public sealed class AppliedConfigurationTests
{
    [Fact]
    public async Task A_route_and_a_cluster_with_every_kind_of_key_serve()
    {
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsync($"{context.Request.Path} {context.Request.Headers["X-Added"]}"));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            upstream.Address,
            route: """
                "Order": "1", "RateLimiterPolicy": "Default", "AuthorizationPolicy": "anonymous", "CorsPolicy": "disable",
                "Timeout": "20s", "MaxRequestBodySize": "-1", "RequireClient": false, "Owner": "tests", "Metadata": { "a": 1 },
                "Transforms": [ { "PathPrefix": "/pre" }, { "RequestHeader": "X-Added", "Set": "yes" }, { "X-Forwarded": "append" },
                                { "ResponseHeader": "X-Back", "Set": "there", "When": "always" } ]
                """,
            cluster: """
                "LoadBalancingPolicy": "roundrobin",
                "SessionAffinity": { "Enabled": true, "Policy": "ArrCookie", "AffinityKeyName": "k",
                                     "Cookie": { "MaxAge": "1h", "SameSite": "lax" } },
                "HealthCheck": { "Active": { "Enabled": true, "Interval": "1m", "Path": "/healthz", "Query": "?a=b" } },
                "HttpClient": { "MaxConnectionsPerServer": 4, "SslProtocols": [ "Tls12", "Tls13" ], "RequestHeaderEncoding": "utf-8" },
                "HttpRequest": { "Version": 1.1, "VersionPolicy": "RequestVersionExact", "ActivityTimeout": "30s" }
                """));

        var answer = await edge.Client.GetAsync("/x");
        Assert.Equal("/pre/x yes", await answer.Content.ReadAsStringAsync());
        Assert.Equal("there", Assert.Single(answer.Headers.GetValues("X-Back")));
        Assert.Contains(answer.Headers.GetValues("Set-Cookie"), cookie => cookie.StartsWith("k=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Routes_that_conditions_tell_apart_answer_each_its_own()
    {
        await using var one = await Upstream.StartAsync("one");
        await using var two = await Upstream.StartAsync("two");
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": {
                "h1": { "ClusterId": "one", "Match": { "Path": "/h", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] } },
                "h2": { "ClusterId": "two", "Match": { "Path": "/h", "Headers": [ { "Name": "X", "Values": [ "2" ] } ] } },
                "q1": { "ClusterId": "one", "Match": { "Path": "/q", "QueryParameters": [ { "Name": "v", "Values": [ "1" ] } ] } },
                "q2": { "ClusterId": "two", "Match": { "Path": "/q" } },
                "c1": { "ClusterId": "one", "Match": { "Path": "/c/{n:int}" } },
                "c2": { "ClusterId": "two", "Match": { "Path": "/c/{n:alpha}" } },
                "w1": { "ClusterId": "one", "Match": { "Path": "/w", "Hosts": [ "a.example.com" ] } },
                "w2": { "ClusterId": "two", "Match": { "Path": "/w", "Hosts": [ "*.example.com" ] } } },
              "Clusters": { "one": { "Destinations": { "d": { "Address": "{{one.Address}}" } } },
                            "two": { "Destinations": { "d": { "Address": "{{two.Address}}" } } } } }
            """);

        Assert.Equal(["one", "two"], [await SendAsync("/h", ("X", "1")), await SendAsync("/h", ("X", "2"))]);
        Assert.Equal(["one", "two"], [await SendAsync("/q?v=1"), await SendAsync("/q?v=2")]);
        Assert.Equal(["one", "two"], [await SendAsync("/c/5"), await SendAsync("/c/abc")]);
        Assert.Equal(["one", "two"], [await SendAsync("/w", ("Host", "a.example.com")), await SendAsync("/w", ("Host", "b.example.com"))]);

        async Task<string> SendAsync(string target, params (string Name, string Value)[] fields)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, target);
            foreach (var (name, value) in fields)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            var answer = await edge.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync();
        }
    }
}
