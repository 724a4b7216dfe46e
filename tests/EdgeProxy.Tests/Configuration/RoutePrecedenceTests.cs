using System.Collections.Immutable;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Where the rule gives requests to another route than the one that was written for them, `check` names the winner.</summary>
public sealed class RoutePrecedenceTests
{
    [Theory]
    [InlineData("\"Hosts\": [ \"*.example.com\" ]", "\"Hosts\": [ \"a.example.com\" ]", "order_ignored")]
    [InlineData("\"Hosts\": [ \"*.example.com\" ]", "\"Hosts\": [ \"*.a.example.com\" ]", "order_ignored")]
    [InlineData("\"Hosts\": [ \"a.example.com\" ]", "\"Hosts\": [ \"a.example.com:8443\" ]", "order_ignored")]
    [InlineData("\"Path\": \"/x/{id}\", \"Hosts\": [ \"*.example.com\" ]", "\"Path\": \"/y/{id}\", \"Hosts\": [ \"a.example.com\" ]", null)]
    [InlineData("\"Hosts\": [ \"*.example.com\" ]", "\"Hosts\": [ \"a.example.org\" ]", null)]
    [InlineData(
        "\"Hosts\": [ \"*.example.com\" ], \"Methods\": [ \"GET\" ]",
        "\"Hosts\": [ \"a.example.com\" ], \"Methods\": [ \"PUT\" ]", null)]
    [InlineData("\"Path\": \"/{**rest}\"", "\"Hosts\": [ \"a.example.com\" ], \"Path\": \"/a\"", "shadowed")]
    public void A_lower_Order_that_a_more_exact_host_passes_over_is_warned_of(string first, string second, string? code) =>
        Assert.Equal(
            code is null ? [] : [code],
            Read(Route("first", first, "\"Order\": -1"), Route("second", second)).Select(fault => fault.Code));

    [Fact]
    public void The_route_that_wins_is_named()
    {
        var fault = Assert.Single(Read(
            Route("wild", "\"Hosts\": [ \"*.example.com\" ]", "\"Order\": -1"), Route("exact", "\"Hosts\": [ \"a.example.com\" ]")));

        Assert.Equal("$.ReverseProxy.Routes.wild.Order", fault.Path);
        Assert.Contains("a.example.com go to \"exact\" at edge.json:", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Path\": \"/a\", \"Methods\": [ \"GET\" ]", "", true)]
    [InlineData("\"Path\": \"/a\", \"Hosts\": [ \"a.example.com\" ]", "", true)]
    [InlineData("\"Path\": \"/a\", \"Methods\": [ \"GET\" ]", "\"Order\": 1", false)]
    [InlineData("\"Path\": \"/a\"", "", false)]
    [InlineData("\"Path\": \"/b\", \"Methods\": [ \"GET\" ]", "", false)]
    public void Conditions_that_methods_or_hosts_of_another_route_go_before_are_warned_of(string other, string order, bool isWarned) =>
        Assert.Equal(
            isWarned ? ["shadowed"] : [],
            Read(
                Route("conditional", "\"Path\": \"/a\", \"Headers\": [ { \"Name\": \"X\", \"Values\": [ \"1\" ] } ]"),
                Route("plain", other, order)).Select(fault => fault.Code));

    [Theory]
    [InlineData("/orders/{**rest}", "/orders/{id}", "", true)]
    [InlineData("/orders/{**rest}", "/ORDERS/export", "", true)]
    [InlineData("/orders/{id}", "/{**rest}", "\"Order\": -1", true)]
    [InlineData("/orders/{id}", "/{**rest}", "", false)]
    [InlineData("/{**rest}", "/orders/{id}", "", false)]
    [InlineData("/orders/{id}", "/users/{id}", "", false)]
    public void A_route_that_takes_requests_from_another_owners_is_warned_of_with_both(
        string own, string other, string order, bool isWarned)
    {
        var faults = Configurations.Read([OfTeam("a", "r", own, ""), OfTeam("b", "o", other, order)])
            .Faults.Where(fault => fault.Code != "shadowed").ToList();

        Assert.Equal(isWarned ? ["other_owner"] : [], faults.Select(fault => fault.Code));
        Assert.All(faults, fault => Assert.Contains("\"team-b\" takes requests from \"r\"", fault.Message, StringComparison.Ordinal));
        Assert.All(faults, fault => Assert.Contains("is of \"team-a\"", fault.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/priv/{id}", "", "/{tenant}/{id}", "", true)] // /priv;a/1
    [InlineData("/priv/{id}", "", "/{all}", "", true)] // /priv%2F1
    [InlineData("/a/priv/{id}", "", "/a/{name}", "", true)]
    [InlineData("/priv/{id}", "", "/{n:int}/{id}", "", false)]
    [InlineData("/priv/{id}", "", "/{name:minlength(2)}/{id}", "", true)]
    [InlineData("/priv/{id}", "", "/open/{id}", "", false)]
    [InlineData("/priv/{**rest}", "", "/priv/open", "", false)]
    [InlineData("/priv/{**rest}", "\"Hosts\": [ \"a\" ],", "/priv/{**rest}", "", true)]
    [InlineData("/priv/{**rest}", "\"Hosts\": [ \"a\" ],", "/priv/{**rest}", "\"Hosts\": [ \"b\" ],", false)]
    [InlineData("/priv/{**rest}", "\"Hosts\": [ \"a\" ],", "/{**rest}", "\"Hosts\": [ \"b\" ],", false)]
    [InlineData("/priv/{id}", "", "/priv/{**rest}", "", true)] // /priv//1
    public void A_way_around_a_route_is_found_between_any_two(string path, string hosts, string openPath, string openHosts, bool isWarned)
    {
        foreach (var (rule, limits) in new[]
        {
            ("\"RequireClient\": true", ""),
            (
                "\"RateLimits\": [ \"p\" ]",
                """ "RateLimits": { "p": { "Limits": [ { "Name": "l", "Capacity": 10, "Refill": 1, "Every": "1s" } ] } }, """),
        })
        {
            var open = Route("open", $"{openHosts} \"Path\": \"{openPath}\"");
            var faults = Read(limits, Route("priv", $"{hosts} \"Path\": \"{path}\"", rule), open)
                .Where(fault => fault.Code != "missing_limit");
            Assert.Equal(isWarned ? ["path_bypass"] : [], faults.Select(fault => fault.Code));
        }
    }

    private static (string File, string Text) OfTeam(string team, string id, string path, string more) => ($"{team}.json", $$"""
        { "ReverseProxy": {
            "Routes": { "{{id}}": { "ClusterId": "{{team}}", "Owner": "team-{{team}}", {{more}}{{(more.Length > 0 ? "," : "")}}
                                    "Match": { "Path": "{{path}}" } } },
            "Clusters": { "{{team}}": { "Destinations": { "d": { "Address": "http://{{team}}/" } } } } } }
        """);

    private static string Route(string id, string match, string more = "") =>
        $$""" "{{id}}": { "ClusterId": "c", {{more}}{{(more.Length > 0 ? "," : "")}} "Match": { {{match}} } } """;

    private static ImmutableArray<Fault> Read(string first, string second) => Read("", first, second);

    private static ImmutableArray<Fault> Read(string sections, string first, string second)
    {
        var read = Configurations.Read($$"""
            { {{sections}} "ReverseProxy": {
                "Routes": { {{first}}, {{second}} },
                "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } } } } }
            """);
        Assert.NotNull(read.Revision);
        return read.Faults;
    }
}
