using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>A route that never gets a request is warned of, and no other is.</summary>
public sealed class RouteShadowTests
{
    [Theory]
    [InlineData(""" "Path": "/{**rest}" """, """ "Path": "/orders/{id}" """, true)]
    [InlineData(""" "Path": "{*any}" """, """ "Path": "/" """, true)]
    [InlineData(""" "Path": "/Orders/{**rest}" """, """ "Path": "/orders/{id:int}/lines" """, true)]
    [InlineData(""" "Path": "/orders/{**rest}" """, """ "Path": "/orders" """, true)]
    [InlineData(""" "Path": "/x/{id:int}" """, """ "Path": "/x/{id:int}" """, true)]
    [InlineData(""" "Path": "/{**rest}" """, """ "Path": "/a", "Headers": [ { "Name": "X", "Mode": "Exists" } ] """, true)]
    [InlineData(""" "Path": "/{**rest}" """, """ "Path": "/a", "Methods": [ "GET", "PUT" ] """, true)]
    [InlineData(""" "Path": "/{**rest}", "Hosts": [ "A.example", "b.example" ] """, """ "Path": "/a", "Hosts": [ "a.example" ] """, true)]
    [InlineData(""" "Path": "/{**rest}" """, """ "Path": "/a", "Hosts": [ "a.example" ] """, true)]
    [InlineData(""" "Hosts": [ "*.example" ] """, """ "Path": "/a", "Hosts": [ "*.example" ] """, true)]
    [InlineData(""" "Path": "/orders/{**rest}" """, """ "Path": "/{tenant}/lines" """, false)]
    [InlineData(""" "Path": "/orders/{**rest}" """, """ "Path": "/ordersheet" """, false)]
    [InlineData(""" "Path": "/orders/{**rest}" """, """ "Path": "/{**rest}" """, false)]
    [InlineData(""" "Path": "/{first}/{**rest}" """, """ "Path": "/a/b" """, false)]
    [InlineData(""" "Path": "/{**rest:minlength(3)}" """, """ "Path": "/a" """, false)]
    [InlineData(""" "Path": "/{**rest}", "Methods": [ "GET" ] """, """ "Path": "/a" """, false)]
    [InlineData(""" "Path": "/{**rest}", "Methods": [ "GET" ] """, """ "Path": "/a", "Methods": [ "GET", "PUT" ] """, false)]
    [InlineData(""" "Path": "/{**rest}", "Hosts": [ "a.example" ] """, """ "Path": "/a" """, false)]
    [InlineData(""" "Path": "/{**rest}", "Hosts": [ "*.example" ] """, """ "Path": "/a", "Hosts": [ "a.example" ] """, false)]
    [InlineData(""" "Path": "/{**rest}", "Headers": [ { "Name": "X", "Mode": "Exists" } ] """, """ "Path": "/a" """, false)]
    [InlineData(""" "Path": "/x/{id:int}" """, """ "Path": "/x/{id}" """, false)]
    public void A_route_that_a_wider_one_of_lower_order_takes_everything_from_is_warned_of(string wide, string narrow, bool isWarned) =>
        Assert.Equal(isWarned ? ["shadowed"] : [], Warnings(Route("wide", wide, -1), Route("narrow", narrow, 0)));

    [Fact]
    public void An_equal_or_higher_order_takes_nothing_away() =>
        Assert.Empty(Warnings(Route("wide", "\"Path\": \"/{**rest}\"", 1), Route("narrow", "\"Path\": \"/a\"", 1)));

    [Fact]
    public void Several_may_take_it_together() => Assert.Equal(["shadowed"], Warnings(
        Route("get", """ "Path": "/{**rest}", "Methods": [ "GET" ] """, -1),
        Route("put", """ "Path": "/a/{**rest}", "Methods": [ "PUT" ] """, -2),
        Route("both", """ "Path": "/a/b", "Methods": [ "GET", "PUT" ] """, 0)));

    private static string Route(string id, string match, int order) =>
        $$"""    "{{id}}": { "ClusterId": "c", "Order": {{order}}, "Match": { {{match}} } }""";

    private static IEnumerable<string> Warnings(params string[] routes)
    {
        var read = Configurations.Read($$"""
            { "ReverseProxy": {
                "Routes": { {{string.Join(',', routes)}} },
                "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } } } } }
            """);
        Assert.NotNull(read.Revision);
        return read.Faults.Select(fault => fault.Code).Where(code => code != "order_ignored"); // another matter
    }
}
