using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>The common keys of YARP do here what they do there.</summary>
public sealed class KeyEffectTests
{
    [Theory]
    [InlineData("""{ "PathPrefix": "/v1" }""", "GET /v1/a/b?q=1")]
    [InlineData("""{ "PathRemovePrefix": "/a" }""", "GET /b?q=1")]
    [InlineData("""{ "PathSet": "/x" }""", "GET /x?q=1")]
    [InlineData("""{ "PathPattern": "/y/{**rest}" }""", "GET /y/a/b?q=1")]
    [InlineData("""{ "QueryValueParameter": "q", "Set": "2" }""", "GET /a/b?q=2")]
    [InlineData("""{ "QueryValueParameter": "r", "Append": "2" }""", "GET /a/b?q=1&r=2")]
    [InlineData("""{ "QueryRouteParameter": "all", "Set": "rest" }""", "GET /a/b?q=1&all=a%2Fb")]
    [InlineData("""{ "QueryRemoveParameter": "q" }""", "GET /a/b")]
    [InlineData("""{ "HttpMethodChange": "GET", "Set": "PUT" }""", "PUT /a/b?q=1")]
    [InlineData("""{ "RequestHeader": "X-Sent", "Set": "new" }""", "GET /a/b?q=1 X-Sent=new")]
    [InlineData("""{ "RequestHeader": "X-Sent", "Append": "new" }""", "GET /a/b?q=1 X-Sent=old, new")]
    [InlineData("""{ "RequestHeaderRemove": "X-Sent" }""", "GET /a/b?q=1 X-Sent=")]
    [InlineData("""{ "RequestHeadersAllowed": "X-Other" }""", "GET /a/b?q=1 X-Sent=")]
    [InlineData("""{ "RequestHeadersCopy": "false" }""", "GET /a/b?q=1 X-Sent=")]
    [InlineData("""{ "RequestHeaderOriginalHost": "true" }""", "GET /a/b?q=1 Host=asked.example")]
    public async Task A_transform_of_the_request_shows_at_the_destination(string transform, string seen)
    {
        await using var upstream = await EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, $"\"Transforms\": [ {transform} ]"));

        Assert.StartsWith(seen + " ", await AskAsync(edge, seen) + " ", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "ResponseHeader": "X-Given", "Set": "new" }""", "new")]
    [InlineData("""{ "ResponseHeader": "X-Given", "Append": "new" }""", "old, new")]
    [InlineData("""{ "ResponseHeader": "X-Given", "Set": "new", "When": "Failure" }""", "old")]
    [InlineData("""{ "ResponseHeaderRemove": "X-Given" }""", "")]
    [InlineData("""{ "ResponseHeadersAllowed": "X-Other" }""", "")]
    [InlineData("""{ "ResponseHeadersCopy": "false" }""", "")]
    public async Task A_transform_of_the_answer_shows_at_the_client(string transform, string seen)
    {
        await using var upstream = await EchoAsync();
        await using var edge = await Edge.StartAsync(Edge.OneRoute(upstream.Address, $"\"Transforms\": [ {transform} ]"));
        using var answer = await edge.Client.GetAsync("/a/b");

        Assert.Equal(seen, answer.Headers.TryGetValues("X-Given", out var values) ? string.Join(", ", values) : "");
    }

    [Theory]
    [InlineData("""  "Methods": [ "PUT" ] """, HttpStatusCode.MethodNotAllowed)]
    [InlineData("""  "Methods": [ "PUT", "GET" ] """, HttpStatusCode.OK)]
    [InlineData("""  "Hosts": [ "other.example" ] """, HttpStatusCode.NotFound)]
    [InlineData("""  "Hosts": [ "*.example" ] """, HttpStatusCode.OK)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Values": [ "OLD" ] } ] """, HttpStatusCode.OK)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Values": [ "OLD" ], "IsCaseSensitive": true } ] """, HttpStatusCode.NotFound)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Values": [ "ol" ], "Mode": "HeaderPrefix" } ] """, HttpStatusCode.OK)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Values": [ "ld" ], "Mode": "Contains" } ] """, HttpStatusCode.OK)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Values": [ "ld" ], "Mode": "NotContains" } ] """, HttpStatusCode.NotFound)]
    [InlineData("""  "Headers": [ { "Name": "X-Sent", "Mode": "NotExists" } ] """, HttpStatusCode.NotFound)]
    [InlineData("""  "QueryParameters": [ { "Name": "q", "Values": [ "1" ] } ] """, HttpStatusCode.OK)]
    [InlineData("""  "QueryParameters": [ { "Name": "q", "Values": [ "2" ] } ] """, HttpStatusCode.NotFound)]
    [InlineData("""  "QueryParameters": [ { "Name": "r", "Mode": "Exists" } ] """, HttpStatusCode.NotFound)]
    public async Task A_condition_of_a_match_holds(string match, HttpStatusCode status)
    {
        await using var upstream = await EchoAsync();
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}", {{match}} } } },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{upstream.Address}}" } } } } }
            """);
        using var request = Request();
        using var answer = await edge.Client.SendAsync(request);

        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task The_host_of_a_destination_is_sent_to_it()
    {
        await using var upstream = await EchoAsync();
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{upstream.Address}}base/", "Host": "inner.example" } } } } }
            """);

        Assert.Equal("GET /base/a/b?q=1 Host=inner.example", await AskAsync(edge, " Host="));
    }

    private static Task<Upstream> EchoAsync() => Upstream.StartAsync(context =>
    {
        context.Response.Headers["X-Given"] = "old";
        var request = context.Request;
        return context.Response.WriteAsync(
            $"{request.Method} {context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}"
            + $" X-Sent={request.Headers["X-Sent"]} Host={request.Host}");
    });

    private static HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/a/b?q=1");
        request.Headers.Host = "asked.example";
        request.Headers.Add("X-Sent", "old");
        return request;
    }

    /// <summary>What the destination saw: its line, and the field that is looked for.</summary>
    private static async Task<string> AskAsync(Edge edge, string wanted)
    {
        using var request = Request();
        using var answer = await edge.Client.SendAsync(request);
        var seen = await answer.Content.ReadAsStringAsync();
        var fields = seen.Split(' ');
        return wanted.Contains("Host=", StringComparison.Ordinal) ? $"{fields[0]} {fields[1]} {fields[3]}" : seen;
    }
}
