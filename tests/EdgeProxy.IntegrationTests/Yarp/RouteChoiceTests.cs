using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Yarp;

/// <summary>Where several routes take a request, one of them always does, and always the same one.</summary>
public sealed class RouteChoiceTests
{
    [Theory]
    [InlineData("x.a.foo.com", "nested")]
    [InlineData("X.A.FOO.COM", "nested")]
    [InlineData("x.y.a.foo.com", "nested")]
    [InlineData("a.foo.com", "wide")]
    [InlineData("x.foo.com", "wide")]
    [InlineData("exact.a.foo.com", "exact")]
    [InlineData("w07.com", "other")]
    [InlineData("x.w07.com", "w07")]
    [InlineData("foo.com", "other")]
    [InlineData("cased.com", "upper")]
    [InlineData("x.foo.com:8080", "port")]
    [InlineData("exact.a.foo.com.", "exact")]
    [InlineData("exact.a.foo.com.:80", "exact")]
    [InlineData("x.a.foo.com.", "nested")]
    [InlineData("x.foo.com.:8080", "port")]
    public async Task The_most_specific_host_decides(string host, string expected)
    {
        // Enough wildcards that a sort which keeps no order would show.
        var many = Enumerable.Range(0, 30).Select(i => Route($"w{i:00}", $"\"Hosts\": [ \"*.w{i:00}.com\" ]"));
        await using var edges = await StartAsync(
        [
            Route("wide", "\"Hosts\": [ \"*.foo.com\" ]"), .. many, Route("nested", "\"Hosts\": [ \"*.a.foo.com\" ]"),
            Route("exact", "\"Hosts\": [ \"exact.a.foo.com\" ]"), Route("upper", "\"Hosts\": [ \"Cased.COM\" ]"),
            Route("port", "\"Hosts\": [ \"*.foo.com:8080\" ]"), Route("other", "\"Path\": \"/{**rest}\""),
        ]);

        Assert.Equal(expected, await edges.RouteOfAsync("/", ("Host", host)));
    }

    [Fact]
    public async Task Hosts_that_differ_in_case_are_one_host()
    {
        await using var edges = await StartAsync(
        [
            Route("one", """ "Hosts": [ "Foo.com" ], "Headers": [ { "Name": "X", "Values": [ "1" ] } ] """),
            Route("two", """ "Hosts": [ "foo.com" ] """),
        ]);

        Assert.Equal("one", await edges.RouteOfAsync("/", ("Host", "foo.com"), ("X", "1")));
        Assert.Equal("two", await edges.RouteOfAsync("/", ("Host", "FOO.com")));
    }

    [Fact]
    public async Task Of_routes_that_take_a_request_equally_well_the_first_id_does()
    {
        await using var edges = await StartAsync(
        [
            Route("c-long", "\"Path\": \"/c/{n:long}\""), Route("c-int", "\"Path\": \"/c/{n:int}\""),
            Route("h-y", """ "Path": "/h", "Headers": [ { "Name": "Y", "Values": [ "1" ] } ] """),
            Route("h-x", """ "Path": "/h", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] """),
            Route("q-y", """ "Path": "/q", "QueryParameters": [ { "Name": "y", "Values": [ "1" ] } ] """),
            Route("q-x", """ "Path": "/q", "QueryParameters": [ { "Name": "x", "Mode": "Exists" } ] """),
            Route("p-b", """ "Path": "/p", "Headers": [ { "Name": "X", "Values": [ "ab" ], "Mode": "HeaderPrefix" } ] """),
            Route("p-a", """ "Path": "/p", "Headers": [ { "Name": "X", "Values": [ "a" ], "Mode": "HeaderPrefix" } ] """),
            Route("s-b", "\"Path\": \"/s/{a}-{b}\""), Route("s-a", "\"Path\": \"/s/{a}.{b}\""),
        ]);

        Assert.Equal("c-int", await edges.RouteOfAsync("/c/5"));
        Assert.Equal("c-long", await edges.RouteOfAsync("/c/5000000000"));
        Assert.Equal("h-x", await edges.RouteOfAsync("/h", ("X", "1"), ("Y", "1")));
        Assert.Equal("h-y", await edges.RouteOfAsync("/h", ("Y", "1")));
        Assert.Equal("q-x", await edges.RouteOfAsync("/q?x=1&y=1"));
        Assert.Equal("q-y", await edges.RouteOfAsync("/q?y=1"));
        Assert.Equal("p-a", await edges.RouteOfAsync("/p", ("X", "abc")));
        Assert.Equal("s-a", await edges.RouteOfAsync("/s/x.y-z"));
    }

    /// <summary>What the warning `shadowed` says, and where an exact host keeps it from being so.</summary>
    [Fact]
    public async Task A_lower_order_goes_before_path_method_and_conditions_and_an_exact_host_before_it()
    {
        await using var edges = await StartAsync(
        [
            Route("wide", "\"Path\": \"/a/{**rest}\"", order: -1), Route("path", "\"Path\": \"/A/b\""),
            Route("bare", "\"Path\": \"/a\""), Route("method", """ "Path": "/a/{id}", "Methods": [ "GET" ] """),
            Route("field", """ "Path": "/a/{id}/c", "Headers": [ { "Name": "X", "Mode": "Exists" } ] """),
            Route("host", """ "Path": "/a/b", "Hosts": [ "b.example" ] """),
            Route("pattern", """ "Path": "/h/{**rest}", "Hosts": [ "*.example" ] """, order: -1),
            Route("exact", """ "Path": "/h/x", "Hosts": [ "b.example" ] """),
        ]);

        foreach (var target in new[] { "/a", "/a/b", "/a/x", "/a/x/c" })
        {
            Assert.Equal("wide", await edges.RouteOfAsync(target, ("X", "1")));
        }

        Assert.Equal("wide", await edges.RouteOfAsync("/a/b", ("Host", "b.example")));
        Assert.Equal("exact", await edges.RouteOfAsync("/h/x", ("Host", "b.example")));
        Assert.Equal("pattern", await edges.RouteOfAsync("/h/x", ("Host", "c.example")));
    }

    /// <summary>The table of docs/configuration.md, "Which route", row by row: each pair differs in what the row asks about.</summary>
    [Fact]
    public async Task The_questions_that_choose_a_route_are_asked_in_the_order_of_the_table()
    {
        await using var edges = await StartAsync(
        [
            Route("1-wildcard", """ "Path": "/1", "Hosts": [ "*.example.com" ] """, order: -1),
            Route("1-exact", """ "Path": "/1", "Hosts": [ "a.example.com" ] """),
            Route("2-path", "\"Path\": \"/2/{id}\""), Route("2-order", "\"Path\": \"/2/{**rest}\"", order: -1),
            Route("3-narrow", "\"Path\": \"/3/{id}\""), Route("3-wide", "\"Path\": \"/3/{**rest}\""),
            Route("4-method", """ "Path": "/4", "Methods": [ "GET" ] """),
            Route("4-field", """ "Path": "/4", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] """),
            Route("5-host", """ "Path": "/5", "Hosts": [ "a.example.com" ] """),
            Route("5-field", """ "Path": "/5", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] """),
            Route("6-field", """ "Path": "/6", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] """), Route("6-bare", "\"Path\": \"/6\""),
            Route("7-b", "\"Path\": \"/7/{n:long}\""), Route("7-a", "\"Path\": \"/7/{n:int}\""),
        ]);

        foreach (var (target, expected) in new[]
        {
            ("/1", "1-exact"), ("/2/7", "2-order"), ("/3/7", "3-narrow"), ("/4", "4-method"), ("/5", "5-host"), ("/6", "6-field"),
            ("/7/7", "7-a"),
        })
        {
            Assert.Equal(expected, await edges.RouteOfAsync(target, ("Host", "a.example.com"), ("X", "1")));
        }
    }

    [Fact]
    public async Task A_path_that_a_pattern_cannot_decide_on_in_time_is_refused_and_goes_to_no_wider_route()
    {
        await using var edges = await StartAsync(
            [Route("wide", "\"Path\": \"/{**rest}\""), Route("narrow", "\"Path\": \"/x/{id:regex(^(?=a)(a+)+$)}\"")]);

        Assert.Equal("narrow", await edges.RouteOfAsync("/x/aaa"));
        Assert.Equal("wide", await edges.RouteOfAsync("/x/b"));
        using var refused = await edges.SendAsync("/x/" + new string('a', 60) + "!");
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("\"malformed_request\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static string Route(string id, string match, int order = 0) => $$"""
        "{{id}}": { "ClusterId": "up", "Order": {{order}}, "Match": { {{match}} },
                    "Transforms": [ { "RequestHeader": "X-Route", "Set": "{{id}}" } ] }
        """;

    private static async Task<Choice> StartAsync(IReadOnlyList<string> routes)
    {
        var upstream = await Upstream.StartAsync(context => context.Response.WriteAsync(context.Request.Headers["X-Route"].ToString()));
        return new Choice(upstream, await Edge.StartAsync($$"""
            "ReverseProxy": {
              "Routes": { {{string.Join(',', routes)}} },
              "Clusters": { "up": { "Destinations": { "a": { "Address": "{{upstream.Address}}" } } } } }
            """));
    }

    private sealed class Choice(Upstream upstream, Edge edge) : IAsyncDisposable
    {
        public async Task<string> RouteOfAsync(string target, params (string Name, string Value)[] fields)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, target);
            foreach (var (name, value) in fields)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            using var answer = await edge.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync();
        }

        public Task<HttpResponseMessage> SendAsync(string target) => edge.Client.GetAsync(target);

        public async ValueTask DisposeAsync()
        {
            await edge.DisposeAsync();
            await upstream.DisposeAsync();
        }
    }
}
