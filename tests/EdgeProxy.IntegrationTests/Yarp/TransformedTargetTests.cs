using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>What a transform of path or query does not touch leaves byte for byte.</summary>
public sealed class TransformedTargetTests
{
    private static readonly string[] Tails =
    [
        "@types%2fcors", "a%2Fb", "a%252Fb", "a%20b", "a+b", "a%2Bb", "cars;color=red/x", "a,b", "x(1)'!*", "a:b@c", "caf%C3%A9", "caf%E9",
        "%41", "a//b", "dir/", "a%5Cb", "a%3Fb", "a%23b", "~u", "a[0]", "a|b", "a\"b", "$x&y=z", "%E2%82%AC%41?q=%2F&Q",
        "", "/", "a/./b/../c",
    ];

    [Theory]
    [InlineData("/api/{**rest}", "/api/", """{ "PathRemovePrefix": "/api" }""", "/")]
    [InlineData("/API/{**rest}", "/api/", """{ "PathRemovePrefix": "/aPi" }""", "/")]
    [InlineData("/a/b/{**rest}", "/%61/b/", """{ "PathRemovePrefix": "/a/b" }""", "/")]
    [InlineData("/pre/{**rest}", "/pre/", """{ "PathPrefix": "/v1" }""", "/v1/pre/")]
    [InlineData("/pre/{**rest}", "/pre/", """{ "PathPrefix": "/v 1/" }""", "/v%201/pre/")]
    [InlineData("/two/{**rest}", "/two/", """{ "PathRemovePrefix": "/two" }, { "PathPrefix": "v2" }""", "/v2/")]
    [InlineData("/two/{**rest}", "/two/", """{ "PathPrefix": "/x" }, { "PathRemovePrefix": "/x/two" }""", "/")]
    [InlineData("/no/{**rest}", "/no/", """{ "PathRemovePrefix": "/n" }""", "/no/")]
    public async Task What_a_path_transform_does_not_touch_stays(string match, string begin, string transforms, string expected)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, match, transforms);
        foreach (var tail in Tails)
        {
            var wanted = expected + tail.Replace("a/./b/../c", "a/c", StringComparison.Ordinal);
            Assert.Equal(wanted, await ForwardedAsync(edge, upstream, begin + tail));
        }
    }

    [Theory]
    [InlineData("/pat/{**rest}", "/y/{**rest}", "/y/")]
    [InlineData("/pat/{*rest}", "/y/{*rest}", "/y/")]
    public async Task A_pattern_is_filled_with_the_rest_of_the_path_as_it_stands(string match, string pattern, string expected)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, match, $$"""{ "PathPattern": "{{pattern}}" }""");
        foreach (var tail in Tails.Where(tail => tail.Length > 0))
        {
            var wanted = expected + tail.Replace("a/./b/../c", "a/c", StringComparison.Ordinal);
            Assert.Equal(wanted, await ForwardedAsync(edge, upstream, "/pat/" + tail));
        }

        Assert.Equal("/y", await ForwardedAsync(edge, upstream, "/pat"));
        Assert.Equal("/y?a", await ForwardedAsync(edge, upstream, "/pat/?a"));
    }

    [Theory]
    [InlineData("/t/{tenant}/{id}", "/{id}/of/{tenant}", "/t/a%2Fb/%41%2B", "/%41%2B/of/a%2Fb")]
    [InlineData("/t/{tenant}/{id?}", "/x/{tenant}/{id?}", "/t/a%2Fb", "/x/a%2Fb")]
    [InlineData("/t/{tenant=none}", "/x/{tenant}", "/t", "/x/none")]
    [InlineData("/t/{name}.{type}", "/{type}/{name}", "/t/caf%C3%A9%2Fx.js", "/js/caf%C3%A9%2Fx")]
    [InlineData("/t/{name}", "/f/{name}.{ext?}", "/t/%41", "/f/%41")]
    [InlineData("/t/{name}", "/a b/{name}x", "/t/%41", "/a%20b/%41x")]
    [InlineData("/t/{name}", "/x/{other}/y", "/t/a", "/")]
    public async Task A_pattern_is_filled_with_values_as_they_stand(string match, string pattern, string path, string expected)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, match, $$"""{ "PathPattern": "{{pattern}}" }""");
        Assert.Equal(expected, await ForwardedAsync(edge, upstream, path));
    }

    [Theory]
    [InlineData("""{ "QueryValueParameter": "v", "Set": "1 2" }""", "?id=1&ID=2&x=&flag&s=%2F+%zz", "?id=1&ID=2&x=&flag&s=%2F+%zz&v=1%202")]
    [InlineData("""{ "QueryRemoveParameter": "debug" }""", "?b=%41&debug=1&DEBUG=2&a", "?b=%41&DEBUG=2&a")]
    [InlineData("""{ "QueryRouteParameter": "r", "Set": "rest" }""", "?R=%41", "?R=%41&r=x%2Fa%2Fb%26c")]
    [InlineData("""{ "QueryRouteParameter": "r", "Set": "none" }""", "?r=spoofed&x", "?x")]
    [InlineData("""{ "PathPrefix": "/v1" }, { "QueryValueParameter": "v", "Append": "1" }""", "?v=%30", "?v=%30&v=1")]
    public async Task What_a_query_transform_does_not_touch_stays(string transforms, string query, string expected)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, "/{**rest}", transforms);
        var prefix = transforms.Contains("/v1", StringComparison.Ordinal) ? "/v1" : "";
        Assert.Equal($"{prefix}/x/a%2Fb&c{expected}", await ForwardedAsync(edge, upstream, "/x/a%2Fb&c" + query));
    }

    [Theory]
    [InlineData("", "/api", "/")]
    [InlineData("", "/api?q", "/?q")]
    [InlineData("base/", "/api", "/base/")]
    [InlineData("base", "/api?q", "/base?q")]
    [InlineData("base", "/api/x", "/base/x")]
    public async Task A_path_that_is_removed_whole_leaves_the_destination_s_own(string address, string target, string expected)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, "/api/{**rest}", """{ "PathRemovePrefix": "/api" }""", address);
        Assert.Equal(expected, await ForwardedAsync(edge, upstream, target));
    }

    [Fact]
    public async Task A_path_that_another_cluster_gets_is_transformed_once()
    {
        await using var other = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { "all": { "ClusterId": "down", "Match": { "Path": "/api/{**rest}" }, "Fallback": { "Cluster": "other" },
                "Transforms": [
                  { "PathRemovePrefix": "/api" }, { "PathPrefix": "/v1" }, { "QueryValueParameter": "v", "Append": "1" } ] } },
              "Clusters": {
                "down": { "Destinations": { "a": { "Address": "http://127.0.0.1:9/", "State": "Down" } } },
                "other": { "Destinations": { "b": { "Address": "{{other.Address}}base" } } } } }
            """);
        Assert.Equal("/base/v1/a%2Fb?q=%41&v=1", await ForwardedAsync(edge, other, "/api/a%2Fb?q=%41"));
    }

    [Theory]
    [InlineData("/api/..%2Fadmin", """{ "PathRemovePrefix": "/api" }""")]
    [InlineData("/api/x", """{ "PathSet": "/a/..;/b" }""")]
    [InlineData("/api/x", """{ "PathPattern": "/y/..;{rest}" }""")]
    public async Task A_transformed_path_that_destinations_could_read_as_another_is_refused(string target, string transform)
    {
        await using var upstream = RawUpstream.Answering("HTTP/1.1 204 No Content\r\n\r\n");
        await using var edge = await StartAsync(upstream, "/api/{**rest}", transform);
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: e\r\n\r\n");
        Assert.Contains(" 400 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Empty(upstream.Heads);
    }

    private static Task<Edge> StartAsync(RawUpstream upstream, string match, string transforms, string address = "") => Edge.StartAsync(
        Edge.OneRoute(upstream.Address + address, $"\"Transforms\": [ {transforms} ]")
            .Replace("\"Path\": \"/{**rest}", "\"Path\": \"" + match, StringComparison.Ordinal));

    private static async Task<string> ForwardedAsync(Edge edge, RawUpstream upstream, string target)
    {
        var before = upstream.Heads.ToHashSet();
        using var client = await RawClient.OpenAsync(edge.Uri);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: {Guid.NewGuid():N}.example\r\n\r\n");
        Assert.Contains(" 204 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return Assert.Single(upstream.Heads, head => !before.Contains(head)).Split(' ')[1];
    }
}
