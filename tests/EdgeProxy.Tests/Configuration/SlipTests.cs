using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>What can be served and is hardly meant.</summary>
public sealed class SlipTests
{
    [Theory]
    [InlineData("glod", "unknown_plan")]
    [InlineData("gold", null)]
    [InlineData("Gold", null)]
    [InlineData("default", null)]
    public void A_plan_that_no_limit_names_is_warned_of(string plan, string? code)
    {
        var read = Configurations.Read(Configurations.Document("\"RateLimiterPolicy\": \"l\"", sections: $$"""
            "Clients": { "ApiKey": { "Keys": { "a": { "Plan": "{{plan}}", "Sha256": "{{new string('a', 64)}}" } } } },
            "RateLimits": { "l": { "Limits": [ { "Name": "s", "Capacity": 1, "Refill": 1, "Every": "1s" } ],
                                   "Plans": { "gold": { "Unlimited": true } } } },
            """));

        Assert.NotNull(read.Revision);
        Assert.Equal(code is null ? [] : [code], read.Faults.Select(fault => fault.Code));
        Assert.All(read.Faults, fault => Assert.Equal("gold", fault.Suggestion));
    }

    [Theory]
    [InlineData("cluster", "\"Retry\": {}", "it belongs to a route")]
    [InlineData("cluster", "\"RateLimits\": []", "it belongs to a route")]
    [InlineData("cluster", "\"Idle\": \"5s\"", "it belongs to Timeouts")]
    [InlineData("cluster", "\"idle\": \"5s\"", "it belongs to Timeouts")]
    [InlineData("cluster", "\"Timeout\": \"5s\"", "it belongs to a route or HealthCheck.Active")]
    [InlineData("cluster", "\"Timeout\": {}", "here; did you mean \"Timeouts\"?")]
    [InlineData("cluster", "\"Attempts\": 3", "it belongs to Retry of a route")]
    [InlineData("cluster", "\"Weight\": 3", "it belongs to a destination")]
    [InlineData("cluster", "\"Timeouts\": { \"SlowStart\": \"5s\" }", "it belongs to a cluster")]
    [InlineData("route", "\"CircuitBreaker\": {}", "it belongs to a cluster")]
    [InlineData("cluster", "\"Timeouts\": { \"ResponseHeader\": \"5s\" }", "here; did you mean \"ResponseHeaders\"?")]
    [InlineData("route", "\"PerTry\": \"5s\"", "here; it belongs to Timeouts")] // not Retry
    [InlineData("route", "\"Hosts\": [ \"a.example\" ]", "here; it belongs to Match")] // not Cost
    [InlineData("route", "\"Methods\": [ \"GET\" ]", "it belongs to Match")]
    [InlineData("route", "\"PathPrefix\": \"/\"", "it belongs to Transforms")]
    [InlineData("route", "\"Connect\": \"5s\"", "it belongs to Timeouts of a cluster")]
    [InlineData("route", "\"Enabled\": true", null)] // of many things
    [InlineData("route", "\"BodyBytes\": 5", null)] // of another section
    [InlineData("sections", "\"Routes\": {},", "it belongs to ReverseProxy")]
    [InlineData("sections", "\"Edge\": { \"HeaderBytes\": 5 },", "it belongs to Edge.Requests")]
    [InlineData("sections", "\"Edge\": { \"Requests\": { \"Name\": \"x\" } },", "it belongs to Edge")]
    public void A_key_at_the_wrong_level_is_told_where_it_belongs(string where, string keys, string? hint)
    {
        var read = Configurations.Read(Configurations.Document(
            where == "route" ? keys : "", where == "cluster" ? keys : "", where == "sections" ? keys : ""));

        var fault = Assert.Single(read.Faults);
        Assert.Equal("unknown_key", fault.Code);
        Assert.EndsWith(hint ?? " here", fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Timeout\": \"5s\", \"Timeouts\": { \"PerTry\": \"6s\" }", "", "$.ReverseProxy.Routes.r.Timeouts.PerTry")]
    [InlineData("\"Timeout\": \"5s\", \"Timeouts\": { \"PerTry\": \"5s\" }", "", null)]
    [InlineData("\"Timeouts\": { \"PerTry\": \"6s\" }", "", null)]
    [InlineData("\"Timeout\": \"5s\"", "\"Timeouts\": { \"PerTry\": \"6s\" }", "$.ReverseProxy.Clusters.c.Timeouts.PerTry")]
    [InlineData("\"Timeout\": \"5s\", \"Timeouts\": {}", "\"Timeouts\": { \"PerTry\": \"6s\" }", null)]
    [InlineData("", "\"Timeouts\": { \"PerTry\": \"6s\" }", null)]
    public void A_time_for_an_attempt_above_its_request_s_is_warned_of(string route, string cluster, string? path) =>
        AssertWarning("unmet_timeout", path, Configurations.Document(route, cluster));

    [Fact]
    public void A_cluster_s_time_for_an_attempt_that_one_of_its_routes_can_meet_is_left_alone()
    {
        const string Other = """ "q": { "ClusterId": "C", "Match": { "Path": "/q" }, "Timeout": "10s" }, "r": """;
        var document = Configurations.Document("\"Timeout\": \"5s\"", "\"Timeouts\": { \"PerTry\": \"6s\" }");
        AssertWarning("unmet_timeout", null, document.Replace("\"r\":", Other, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("\"Hedge\": {}", false, "$.ReverseProxy.Routes.r.Hedge")]
    [InlineData("\"Hedge\": {}", true, null)]
    [InlineData("", false, null)]
    public void A_hedge_with_nowhere_else_to_send_is_warned_of(string route, bool hasOther, string? path) =>
        AssertWarning("unused_hedge", path, Configurations.Document(route).Replace(
            "\"d\":", hasOther ? "\"e\": { \"Address\": \"http://127.0.0.1:5002/\" }, \"d\":" : "\"d\":", StringComparison.Ordinal));

    [Theory]
    [InlineData("\"Hedge\": { \"After\": \"2s\" }, \"Timeouts\": { \"PerTry\": \"1s\" }", "", true)]
    [InlineData("\"Hedge\": { \"After\": \"1s\" }, \"Timeouts\": { \"PerTry\": \"1s\" }", "", true)]
    [InlineData("\"Hedge\": { \"After\": \"900ms\" }, \"Timeouts\": { \"PerTry\": \"1s\" }", "", false)]
    [InlineData("\"Hedge\": { \"After\": \"2s\" }", "\"Timeouts\": { \"PerTry\": \"1s\" }", true)]
    [InlineData("\"Hedge\": { \"After\": \"2s\" }, \"Timeouts\": {}", "\"Timeouts\": { \"PerTry\": \"1s\" }", false)]
    [InlineData("\"Hedge\": {}", "\"Timeouts\": { \"PerTry\": \"1ms\" }", false)]
    [InlineData("\"Hedge\": { \"After\": \"2s\" }", "", false)]
    public void A_hedge_that_begins_when_the_first_attempt_is_over_is_warned_of(string route, string cluster, bool isWarned) =>
        AssertWarning(
            "unused_hedge",
            isWarned ? "$.ReverseProxy.Routes.r.Hedge.After" : null,
            Configurations.Document(route, cluster).Replace(
                "\"d\":", "\"e\": { \"Address\": \"http://127.0.0.1:5002/\" }, \"d\":", StringComparison.Ordinal));

    [Theory]
    [InlineData("", "\"HttpRequest\": { \"Version\": \"2\" }", true)]
    [InlineData("\"MaxRequestBodySize\": -1", "\"HttpRequest\": { \"Version\": \"2\" }", false)]
    [InlineData("", "\"HttpRequest\": { \"Version\": \"1.1\" }", false)]
    [InlineData("", "", false)]
    public void A_route_on_which_gRPC_lifts_the_bound_of_bodies_is_warned_of(string route, string cluster, bool isWarned) =>
        AssertWarning("unbounded_upload", isWarned ? "$.ReverseProxy.Routes.r" : null, Configurations.Document(route, cluster));

    [Theory]
    [InlineData("/orders/*", "literal_star")]
    [InlineData("/orders/{**rest}", null)]
    [InlineData("/orders/{*rest}", null)]
    public void A_star_that_takes_one_path_only_is_warned_of(string path, string? code)
    {
        var read = Configurations.Read(Configurations.Document().Replace("/{**rest}", path, StringComparison.Ordinal));

        Assert.NotNull(read.Revision);
        Assert.Equal(code is null ? [] : [code], read.Faults.Select(fault => fault.Code));
        Assert.All(read.Faults, fault => Assert.Equal("/orders/{**rest}", fault.Suggestion));
    }

    [Theory]
    [InlineData("http://127.0.0.1:80x")]
    [InlineData("http://[::1]:80x")]
    [InlineData("http://*:")]
    public void A_listener_with_a_faulty_port_is_told_of_its_port(string url)
    {
        var read = Configurations.Read(Configurations.Document(sections: $$"""
            "Edge": { "Listen": [ "{{url}}" ] },
            """));

        Assert.Contains("has a port that is not a number", Assert.Single(read.Faults).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_destination_with_a_faulty_port_is_told_of_its_port()
    {
        var read = Configurations.Read(Configurations.Document().Replace(":5001", ":50o1", StringComparison.Ordinal));

        Assert.Contains("has a port that is not a number", Assert.Single(read.Faults).Message, StringComparison.Ordinal);
    }

    /// <param name="path">Where the warning stands; null: there is none.</param>
    private static void AssertWarning(string code, string? path, string document)
    {
        var read = Configurations.Read(document);

        Assert.NotNull(read.Revision);
        Assert.Equal(path is null ? [] : [(code, path)], read.Faults.Select(fault => (fault.Code, fault.Path)));
    }
}
