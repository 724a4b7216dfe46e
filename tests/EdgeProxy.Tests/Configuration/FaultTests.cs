using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Each way to get a configuration wrong, a row each. § marks the place that the fault must name.</summary>
public sealed class FaultTests
{
    private const string Hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    private const string OneLimit = """{ "Name": "s", "Capacity": 1, "Refill": 1, "Every": "1s" }""";

    /// <summary>Code, path, suggestion, document.</summary>
    public static TheoryData<string, string, string?, string> Documents() => new()
    {
        { "invalid_json", "$", null, "{ \"Edge\": { \"Name\": §} }" },
        { "invalid_json", "$", null, "{ \"Edge\": {\n\n  §" },
        { "invalid_json", "$", null, "{} §{}" },
        { "invalid_json", "$", null, "{ \"Edge\": { \"Name\": §\"\\uD800\" } }" },
        { "invalid_json", "$", null, "{ \"Edge\": [\n\"§" },
        { "not_an_object", "$", null, "§[ 1 ]" },
        { "not_an_object", "$", null, "// only\n§\"text\"" },
        { "duplicate_key", "$.edge", null, "{ \"Edge\": {}, §\"edge\": {}, " + Configurations.Proxy + " }" },
        { "duplicate_key", "$.Edge.Requests.BodyBytes", null, Edge(""" "Requests": { "BodyBytes": 1, §"BodyBytes": 2 }""") },
        { "unknown_key", "$.Egde", "Edge", "{ §\"Egde\": {}, " + Configurations.Proxy + " }" },
        { "unknown_key", "$.Edge.Nmae", "Name", Edge("""§"Nmae": "x" """) },
        { "unknown_key", "$.Edge.Reload", null, Edge("""§"Reload": true""") },
        { "wrong_type", "$.Edge.Requests", null, Edge(""" "Requests": §[]""") },
        { "wrong_type", "$.Edge.Requests.BodyBytes", null, Edge(""" "Requests": { "BodyBytes": §"many" }""") },
        { "wrong_type", "$.Edge.Requests.BodyBytes", null, Edge(""" "Requests": { "BodyBytes": §1.5 }""") },
        { "wrong_type", "$.Edge.Name", null, Edge(""" "Name": §5""") },
        { "wrong_type", "$.Edge.Shutdown.DrainTimeout", "30s", Edge(""" "Shutdown": { "DrainTimeout": §"30" }""") },
        { "wrong_type", "$.Edge.Shutdown.DrainTimeout", "30s", Edge(""" "Shutdown": { "DrainTimeout": §30 }""") },
        { "out_of_range", "$.Edge.Shutdown.DrainTimeout", null, Edge(""" "Shutdown": { "DrainTimeout": §"2h" }""") },
        { "out_of_range", "$.Edge.Requests.HeaderBytes", null, Edge(""" "Requests": { "HeaderBytes": §1 }""") },
        { "out_of_range", "$.Edge.Listen", null, Edge(""" "Listen": §[]""") },
        { "invalid_value", "$.Edge.Name", null, Edge(""" "Name": §"my edge" """) },
        { "invalid_value", "$.Edge.Errors.TypeBase", null, Edge(""" "Errors": { "TypeBase": §"not a uri" }""") },
        { "invalid_listener", "$.Edge.Listen[0]", null, Edge(""" "Listen": [ §"8080" ]""") },
        { "invalid_listener", "$.Edge.Listen[0].Url", null, Edge(""" "Listen": [ { "Url": §"http://example.com:80" } ]""") },
        { "invalid_listener", "$.Edge.Listen[0]", null, Edge(""" "Listen": [ §"http://127.0.0.1:80/path" ]""") },
        { "invalid_listener", "$.Edge.Listen[0]", null, Edge(""" "Listen": [ §"https://127.0.0.1:443" ]""") },
        { "unknown_value", "$.Edge.Listen[0].Protocols", "Http1",
            Edge(""" "Listen": [ { "Url": "http://*:80", "Protocols": §"Htp1" } ]""") },
        { "duplicate_value", "$.Edge.Listen[1]", null, Edge(""" "Listen": [ "http://*:80", §"http://*:80" ]""") },
        { "duplicate_value", "$.Edge.Admin.Listen", null,
            Edge(""" "Listen": [ "http://127.0.0.1:80" ], "Admin": { "Listen": §"http://127.0.0.1:80" }""") },
        { "invalid_certificate", "$.Edge.Listen[0].Certificates[0].Path", null,
            Edge(""" "Listen": [ { "Url": "https://*:443", "Certificates": [ { "Path": §"no-such.pem" } ] } ]""") },
        { "unprotected_admin", "$.Edge.Admin.Listen", null, Edge(""" "Admin": { "Listen": §"http://0.0.0.0:9901" }""") },
        { "invalid_listener", "$.Edge.Admin.Listen", null, Edge(""" "Admin": { "Listen": §"https://127.0.0.1:9901" }""") },
        { "invalid_network", "$.Edge.TrustedProxies[0]", null, Edge(""" "TrustedProxies": [ §"10.0.0.0/33" ]""") },
        { "invalid_network", "$.Edge.TrustedProxies[0]", null, Edge(""" "TrustedProxies": [ §"anywhere" ]""") },
        { "invalid_store", "$.Edge.Store.Redis", null, Edge(""" "Store": { "Redis": §"host:6379,nosuchoption=1" }""") },
        { "invalid_store", "$.Edge.Store.Redis", "127.0.0.1:6379", Edge(""" "Store": { "Redis": §"redis://127.0.0.1:6379" }""") },
        { "invalid_store", "$.Edge.Store.Redis", "a:6380,ssl=true", Edge(""" "Store": { "Redis": §"rediss://a:6380/" }""") },
        { "invalid_store", "$.Edge.Store.Redis", null, Edge(""" "Store": { "Redis": §"redis://:secret@127.0.0.1:6379" }""") },

        { "invalid_value", "$.Clients.ApiKey.Keys.a.Sha256", null,
            Section("\"Clients\": { \"ApiKey\": { \"Keys\": { \"a\": { \"Sha256\": §\"abc\" } } } }") },
        { "missing_key", "$.Clients.ApiKey.Keys.a", null, Section("\"Clients\": { \"ApiKey\": { \"Keys\": { \"a\": §{} } } }") },
        { "duplicate_value", "$.Clients.ApiKey.Keys.b.Sha256", null,
            Section($$""" "Clients": { "ApiKey": { "Keys": { "a": { "Sha256": "{{Hash}}" }, "b": { "Sha256": §"{{Hash}}" } } } }""") },
        { "invalid_id", "$.Clients.ApiKey.Keys['']", null,
            Section($$""" "Clients": { "ApiKey": { "Keys": { §"": { "Sha256": "{{Hash}}" } } } }""") },
        { "out_of_range", "$.Clients.AnonymousIpv6Prefix", null, Section("\"Clients\": { \"AnonymousIpv6Prefix\": §16 }") },

        { "missing_key", "$.RateLimits.p", null, Section("\"RateLimits\": { \"p\": §{} }") },
        { "out_of_range", "$.RateLimits.p.Limits", null, Section("\"RateLimits\": { \"p\": { \"Limits\": §[] } }") },
        { "out_of_range", "$.RateLimits.p.Limits[0].Capacity", null, Limit("\"Capacity\": §0, \"Refill\": 1, \"Every\": \"1s\"") },
        { "out_of_range", "$.RateLimits.p.Limits[0].Every", null, Limit("\"Capacity\": 1, \"Refill\": 1, \"Every\": §\"367d\"") },
        { "invalid_value", "$.RateLimits.p.Per", null,
            Section($$""" "RateLimits": { "p": { "Per": §"Header:", "Limits": [ {{OneLimit}} ] } }""") },
        { "duplicate_limit", "$.RateLimits.p.Limits[1].Name", null,
            Section($$""" "RateLimits": { "p": { "Limits": [ {{OneLimit}}, {{OneLimit.Replace(": \"s\"", ": §\"S\"")}} ] } }""") },
        { "plans_need_clients", "$.RateLimits.p.Plans", null,
            Section($$""" "RateLimits": { "p": { "Per": "Ip", "Limits": [ {{OneLimit}} ], "Plans": §{ "g": {"Unlimited": true} } } }""") },
        { "conflicting_keys", "$.RateLimits.p.Plans.g", null,
            Section($$""" "RateLimits": { "p": { "Limits": [ {{OneLimit}} ], "Plans": { "g": §{} } } }""") },
        { "invalid_id", "$.RateLimits.Disable", null, Section($$""" "RateLimits": { §"Disable": { "Limits": [ {{OneLimit}} ] } }""") },

        { "unknown_rate_limit", "$.Clients.ApiKey.Keys.a.RateLimits.standrd", "standard",
            OwnLimits("""§"standrd": { "Unlimited": true }""") },
        { "unknown_key", "$.Clients.ApiKey.Keys.a.RateLimits.standard.Limit", "Limits",
            OwnLimits(""" "standard": { "Unlimited": true, §"Limit": [] } """) },
        { "conflicting_keys", "$.Clients.ApiKey.Keys.a.RateLimits.standard", null, OwnLimits(""" "standard": §{} """) },
        { "conflicting_keys", "$.Clients.ApiKey.Keys.a.RateLimits.standard", null,
            OwnLimits($$""" "standard": §{ "Unlimited": true, "Limits": [ {{OneLimit}} ] } """) },
        { "duplicate_limit", "$.Clients.ApiKey.Keys.a.RateLimits.standard.Limits[1].Name", null,
            OwnLimits($$""" "standard": { "Limits": [ {{OneLimit}}, {{OneLimit.Replace(": \"s\"", ": §\"S\"")}} ] } """) },
        { "plans_need_clients", "$.Clients.ApiKey.Keys.a.RateLimits.standard", null,
            OwnLimits("""§"standard": { "Unlimited": true }""", "Ip") },

        { "duplicate_value", "$.ReverseProxy.Routes.r.RateLimits[1]", null,
            Configurations.Document(
                """ "RateLimits": [ "a", §"A" ] """, sections: $$""" "RateLimits": { "a": { "Limits": [ {{OneLimit}} ] } }, """) },
        { "duplicate_limit", "$.ReverseProxy.Routes.r.RateLimits[1]", null,
            Configurations.Document(
                """ "RateLimits": [ "a", §"b" ] """,
                sections: $$""" "RateLimits": { "a": { "Limits": [ {{OneLimit}} ] }, "b": { "Limits": [ {{OneLimit}} ] } }, """) },

        { "out_of_range", "$.ReverseProxy.Routes.r.Cost", null, Configurations.Document("\"Cost\": §0") },
        { "out_of_range", "$.ReverseProxy.Routes.r.Cost", null, Configurations.Document("\"Cost\": §9000000001") },
        { "wrong_type", "$.ReverseProxy.Routes.r.Cost", null, Configurations.Document("\"Cost\": §1.5") },

        { "no_routes", "$.ReverseProxy.Routes", null, "§{}" },
        { "no_routes", "$.ReverseProxy.Routes", null, "{ \"ReverseProxy\": §{ \"Routes\": {} } }" },
        { "no_destinations", "$.ReverseProxy.Clusters.c.Destinations", null, Proxy("§{}") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Address", "http://backend:80",
            Proxy("{ \"d\": { \"Address\": §\"backend:80\" } }") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Address", null,
            Proxy("{ \"d\": { \"Address\": §\"backend\" } }") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Address", null,
            Proxy("{ \"d\": { \"Address\": §\"ftp://a.b/\" } }") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Address", null,
            Proxy("{ \"d\": { \"Address\": §\"http://a.b/?q=1\" } }") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Address", null,
            Proxy("{ \"d\": { \"Address\": §\"http://a b/\" } }") },
        { "invalid_address", "$.ReverseProxy.Clusters.c.Destinations.d.Health", null,
            Proxy("{ \"d\": { \"Address\": \"http://a/\", \"Health\": §\"/healthz\" } }") },
        { "invalid_host", "$.ReverseProxy.Clusters.c.Destinations.d.Host", "a.b",
            Proxy("{ \"d\": { \"Address\": \"http://a/\", \"Host\": §\"https://a.b\" } }") },
    };

    [Theory, MemberData(nameof(Documents))]
    public void A_fault_names_its_place(string code, string path, string? suggestion, string document) =>
        FaultAssert.One(code, path, suggestion, document);

    private static string Edge(string keys) => Section("\"Edge\": { " + keys + " }");

    private static string Section(string section) => "{ " + section + ",\n" + Configurations.Proxy + " }";

    private static string OwnLimits(string own, string per = "Client") => Section($$"""
        "Clients": { "ApiKey": { "Keys": { "a": { "Sha256": "{{Hash}}", "RateLimits": { {{own}} } } } } },
        "RateLimits": { "standard": { "Per": "{{per}}", "Limits": [ {{OneLimit}} ] } }
        """);

    private static string Limit(string keys) => Section("\"RateLimits\": { \"p\": { \"Limits\": [ { \"Name\": \"s\", " + keys + " } ] } }");

    private static string Proxy(string destinations) => $$"""
        { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/" } } },
                            "Clusters": { "c": { "Destinations": {{destinations}} } } } }
        """;
}

internal static class FaultAssert
{
    /// <summary>Reading <paramref name="marked"/> gives exactly one error, at the place of the mark.</summary>
    public static void One(string code, string path, string? suggestion, string marked)
    {
        var before = marked[..marked.IndexOf('§')];
        var line = before.Count(c => c == '\n') + 1;
        var column = before.Length - before.LastIndexOf('\n');
        var read = Configurations.Read(marked.Replace("§", ""));

        var errors = read.Faults.Where(f => f.Severity == FaultSeverity.Error).ToList();
        Assert.True(errors.Count == 1, $"{marked}\n{string.Join('\n', read.Faults)}");
        Assert.Equal((code, path, suggestion), (errors[0].Code, errors[0].Path, errors[0].Suggestion));
        Assert.Equal(("edge.json", line, column), (errors[0].File, errors[0].Line, errors[0].Column));
        Assert.Null(read.Revision);
    }
}
