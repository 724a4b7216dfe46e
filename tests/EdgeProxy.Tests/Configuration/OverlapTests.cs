using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Two routes that no request can tell apart are refused; two that some request tells apart are not.</summary>
public sealed class OverlapTests
{
    public static TheoryData<string, string> Alike() => new()
    {
        { """ "Match": { "Path": "/a" }""", """ "Match": { "Path": "/a" }""" },
        { """ "Match": { "Path": "/a" }""", """ "Match": { "Path": "/A/" }, "Order": 0""" },
        { """ "Match": { "Path": "/{a}/x" }""", """ "Match": { "Path": "/{b}/x" }""" },
        { """ "Match": { "Path": "/{a?}" }""", """ "Match": { "Path": "/{b=5}" }""" },
        { """ "Match": { "Path": "/{*a}" }""", """ "Match": { "Path": "/{**b}" }""" },
        { """ "Match": { "Path": "/{a:int}" }""", """ "Match": { "Path": "/{b:int}" }""" },
        { """ "Match": { "Hosts": [ "a.com", "b.com" ] }""", """ "Match": { "Hosts": [ "B.com:*", "c.com" ], "Path": "/{**rest}" }""" },
        { """ "Match": { "Path": "/", "Methods": [ "GET", "POST" ] }""", """ "Match": { "Path": "/", "Methods": [ "post", "PUT" ] }""" },
        {
            """ "Match": { "Path": "/", "Headers": [ { "Name": "X", "Values": [ "1", "2" ] }, { "Name": "Y", "Mode": "Exists" } ] }""",
            """ "Match": { "Path": "/", "Headers": [ { "Name": "y", "Mode": "Exists" }, { "Name": "x", "Values": [ "2" ] } ] }"""
        },
        {
            """ "Match": { "Path": "/", "QueryParameters": [ { "Name": "q", "Values": [ "A" ] } ] }""",
            """ "Match": { "Path": "/", "QueryParameters": [ { "Name": "q", "Values": [ "a" ] } ] }"""
        },
    };

    public static TheoryData<string, string> Different() => new()
    {
        { """ "Match": { "Path": "/a" }""", """ "Match": { "Path": "/b" }""" },
        { """ "Match": { "Path": "/a" }""", """ "Match": { "Path": "/a" }, "Order": 1""" },
        { """ "Match": { "Path": "/a" }""", """ "Match": { "Path": "/{a}" }""" },
        { """ "Match": { "Path": "/{a}" }""", """ "Match": { "Path": "/{**a}" }""" },
        { """ "Match": { "Path": "/{a:int}" }""", """ "Match": { "Path": "/{a:alpha}" }""" },
        { """ "Match": { "Path": "/{a}.{b}" }""", """ "Match": { "Path": "/{a}-{b}" }""" },
        { """ "Match": { "Path": "/" }""", """ "Match": { "Path": "/", "Hosts": [ "a.com" ] }""" },
        { """ "Match": { "Hosts": [ "a.com" ] }""", """ "Match": { "Hosts": [ "*.a.com" ] }""" },
        { """ "Match": { "Hosts": [ "a.com:80" ] }""", """ "Match": { "Hosts": [ "a.com:81" ] }""" },
        { """ "Match": { "Path": "/" }""", """ "Match": { "Path": "/", "Methods": [ "GET" ] }""" },
        { """ "Match": { "Path": "/", "Methods": [ "POST" ] }""", """ "Match": { "Path": "/", "Methods": [ "GET" ] }""" },
        {
            """ "Match": { "Path": "/", "Headers": [ { "Name": "X", "Values": [ "1" ] } ] }""",
            """ "Match": { "Path": "/", "Headers": [ { "Name": "X", "Values": [ "2" ] } ] }"""
        },
        {
            """ "Match": { "Path": "/", "Headers": [ { "Name": "X", "Values": [ "a" ], "IsCaseSensitive": true } ] }""",
            """ "Match": { "Path": "/", "Headers": [ { "Name": "X", "Values": [ "A" ], "IsCaseSensitive": true } ] }"""
        },
        {
            """ "Match": { "Path": "/", "QueryParameters": [ { "Name": "q", "Mode": "Exists" } ] }""",
            """ "Match": { "Path": "/", "QueryParameters": [ { "Name": "p", "Mode": "Exists" } ] }"""
        },
    };

    [Theory, MemberData(nameof(Alike))]
    public void Routes_that_no_request_tells_apart_are_refused(string one, string other)
    {
        var fault = Assert.Single(Configurations.Read(Two(one, other)).Faults);
        Assert.Equal(("ambiguous_routes", "$.ReverseProxy.Routes.b"), (fault.Code, fault.Path));
        Assert.Contains("\"a\" at edge.json:2:", fault.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Different))]
    public void Routes_that_a_request_tells_apart_are_not(string one, string other) =>
        Assert.DoesNotContain(Configurations.Read(Two(one, other)).Faults, fault => fault.Code == "ambiguous_routes");

    [Fact]
    public void Ten_thousand_routes_on_one_path_are_told_apart_by_their_hosts_in_moments()
    {
        var routes = string.Join(",\n", Enumerable.Range(0, 10_000).Select(i =>
            $$""" "r{{i}}": { "ClusterId": "c", "Match": { "Path": "/{**rest}", "Hosts": [ "h{{i}}.example.com" ] } }"""));
        var read = Configurations.Read(Configurations.Document().Replace("\"r\": {", routes + ",\n\"r\": {"));

        Assert.Empty(read.Faults);
        Assert.Equal(10_001, read.Revision!.ProxyRoutes.Count);
    }

    private static string Two(string one, string other) => $$"""
        { "ReverseProxy": { "Routes": {
            "a": { "ClusterId": "c", {{one}} },
            "b": { "ClusterId": "c", {{other}} } },
          "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } } } } }
        """;
}
