using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Each way to get a route or a cluster wrong that YARP takes at start or refuses without a place.</summary>
public sealed class RouteFaultTests
{
    private const string Route = "$.ReverseProxy.Routes.r";
    private const string Cluster = "$.ReverseProxy.Clusters.c";

    /// <summary>Code, path below the route, suggestion, keys of the route.</summary>
    public static TheoryData<string, string, string?, string> Routes() => new()
    {
        { "unknown_key", ".RouteId", null, """§"RouteId": "x" """ },
        { "unknown_key", ".Idempotency", null, """§"Idempotency": {}""" },
        { "invalid_value", ".Hedge.After", null, """ "Hedge": { "After": §"p99" }""" },
        { "out_of_range", ".Hedge.After", null, """ "Hedge": { "After": §"2m" }""" },
        { "missing_key", ".RewriteLocation", null, """ "RewriteLocation": §true, "Transforms": [ { "PathPrefix": "/a" } ]""" },
        { "missing_key", ".Fallback", null, """ "Fallback": §{ "On": [ "open" ] }""" },
        { "invalid_value", ".Fallback.Stale.Ignore[1]", null, """ "Fallback": { "Stale": { "Ignore": [ "CF-Ray", §"cookie" ] } }""" },
        { "invalid_value", ".Fallback.Stale.Vary[0]", null, """ "Fallback": { "Stale": { "Vary": [ §"X A" ] } }""" },
        { "unknown_cluster", ".Fallback.Cluster", null, """ "Fallback": { "Cluster": §"nowhere" }""" },
        { "invalid_value", ".Fallback.Cluster", null, """ "Fallback": { "Cluster": §"C" }""" },
        { "invalid_value", ".Fallback.On[1]", null, """ "Fallback": { "Static": {}, "On": [ "503", §"404" ] }""" },
        { "out_of_range", ".Fallback.Static.Status", null, """ "Fallback": { "Static": { "Status": §100 } }""" },
        { "conflicting_keys", ".Fallback.Static.Body", null, """ "Fallback": { "Static": { "Status": 204, "Body": §"x" } }""" },
        { "invalid_value", ".Fallback.Static.ContentType", null, """ "Fallback": { "Static": { "ContentType": §"a\r\nb" } }""" },
        { "unknown_key", ".Ownr", "Owner", """§"Ownr": "x" """ },
        { "unknown_rate_limit", ".RateLimiterPolicy", null, """ "RateLimiterPolicy": §"standard" """ },
        { "unknown_rate_limit", ".RateLimits[0]", null, """ "RateLimits": [ §"standard" ]""" },
        { "conflicting_keys", ".RateLimits", null, """ "RateLimiterPolicy": "Default", "RateLimits": §[ "x" ]""" },
        { "conflicting_keys", ".TimeoutPolicy", null, """ "Timeout": "1s", "TimeoutPolicy": §"Disable" """ },
        { "unknown_policy", ".AuthorizationPolicy", null, """ "AuthorizationPolicy": §"Default" """ },
        { "unknown_policy", ".CorsPolicy", null, """ "CorsPolicy": §"Default" """ },
        { "unknown_policy", ".TimeoutPolicy", "Disable", """ "TimeoutPolicy": §"Disabled" """ },
        { "out_of_range", ".Timeout", null, """ "Timeout": §"-00:00:01" """ },
        { "out_of_range", ".Timeout", null, """ "Timeout": §"0s" """ },
        { "out_of_range", ".Timeout", null, """ "Timeout": §"25d" """ },
        { "out_of_range", ".MaxRequestBodySize", null, """ "MaxRequestBodySize": §-5""" },
        { "wrong_type", ".Order", null, """ "Order": §"first" """ },
        { "out_of_range", ".Order", null, """ "Order": §3000000000""" },
        { "invalid_value", ".Transforms[0].Set", null, """ "Transforms": [ { "RequestHeader": "X-A", "Set": §"a\r\nX-B: c" } ]""" },
        { "invalid_value", ".Transforms[0].Append", null, """ "Transforms": [ { "ResponseHeader": "X-A", "Append": §"a\u0000" } ]""" },
        { "invalid_value", ".Transforms[0].Set", null, """ "Transforms": [ { "ResponseTrailer": "X-A", "Set": §"\u20ac" } ]""" },
        { "invalid_value", ".Transforms[0].ResponseHeader", null, """ "Transforms": [ { "ResponseHeader": §"X A", "Set": "b" } ]""" },
        { "invalid_value", ".Transforms[0].RequestHeader", null, """ "Transforms": [ { "RequestHeader": §"", "Set": "b" } ]""" },
        { "invalid_transform", ".Transforms[0]", "PathPrefix", """ "Transforms": [ §{ "PathPrefx": "/a" } ]""" },
        { "invalid_transform", ".Transforms[0]", null, """ "Transforms": [ §{} ]""" },
        { "invalid_transform", ".Transforms[1]", null, """ "Transforms": [ { "PathSet": "/" }, §{ "PathPattern": "/{unclosed" } ]""" },
        { "invalid_transform", ".Transforms[0]", null, """ "Transforms": [ §{ "RequestHeader": "X-A" } ]""" },
        { "unknown_key", ".Transforms[0].Sett", "Set", """ "Transforms": [ { "RequestHeader": "X-A", "Set": "b", §"Sett": "c" } ]""" },
        { "unknown_value", ".Transforms[0].X-Forwarded", "Append", """ "Transforms": [ { "X-Forwarded": §"Apend" } ]""" },
        { "unknown_value", ".Transforms[0].RequestHeadersCopy", null, """ "Transforms": [ { "RequestHeadersCopy": §"maybe" } ]""" },
    };

    /// <summary>Code, path below the match, suggestion, the match.</summary>
    public static TheoryData<string, string, string?, string> Matches() => new()
    {
        { "no_match", "", null, "§{}" },
        { "no_match", "", null, """§{ "Hosts": [], "Methods": [ "GET" ] }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/a/{b" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/a?b" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/{a}/{A}" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/{a:nosuch}" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/{a:regex([)}" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/{a:range(5)}" }""" },
        { "invalid_path", ".Path", null, """{ "Path": §"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9" }""" },
        { "invalid_host", ".Hosts[0]", "example.com", """{ "Hosts": [ §"https://example.com" ] }""" },
        { "invalid_host", ".Hosts[1]", "example.com:80", """{ "Hosts": [ "a", §"example.com:80/path" ] }""" },
        { "invalid_host", ".Hosts[0]", null, """{ "Hosts": [ §"" ] }""" },
        { "invalid_host", ".Hosts[0]", null, """{ "Hosts": [ §"a.*.com" ] }""" },
        { "invalid_host", ".Hosts[0]", null, """{ "Hosts": [ §"*a.com" ] }""" },
        { "invalid_host", ".Hosts[0]", null, """{ "Hosts": [ §"a.com:http" ] }""" },
        { "invalid_host", ".Hosts[0]", null, """{ "Hosts": [ §"[::1]:80" ] }""" },
        { "duplicate_value", ".Hosts[1]", null, """{ "Hosts": [ "a.com", §"A.com" ] }""" },
        { "unknown_value", ".Methods[0]", "GET", """{ "Path": "/", "Methods": [ §"GTE" ] }""" },
        { "duplicate_value", ".Methods[1]", null, """{ "Path": "/", "Methods": [ "GET", §"get" ] }""" },
        { "wrong_type", ".Methods", null, """{ "Path": "/", "Methods": §"GET" }""" },
        { "missing_key", ".Headers[0]", null, """{ "Path": "/", "Headers": [ §{ "Values": [ "a" ] } ] }""" },
        { "invalid_value", ".Headers[0].Name", null, """{ "Path": "/", "Headers": [ { "Name": §"X A", "Values": [ "a" ] } ] }""" },
        { "conflicting_keys", ".Headers[0]", null, """{ "Path": "/", "Headers": [ §{ "Name": "X" } ] }""" },
        { "conflicting_keys", ".Headers[0]", null,
            """{ "Path": "/", "Headers": [ §{ "Name": "X", "Mode": "Exists", "Values": [ "a" ] } ] }""" },
        { "unknown_value", ".Headers[0].Mode", "NotExists", """{ "Path": "/", "Headers": [ { "Name": "X", "Mode": §"NotExist" } ] }""" },
        { "conflicting_keys", ".QueryParameters[0]", null,
            """{ "Path": "/", "QueryParameters": [ §{ "Name": "q", "Mode": "Exists", "Values": [ "a" ] } ] }""" },
    };

    /// <summary>Code, path below the cluster, suggestion, keys of the cluster.</summary>
    public static TheoryData<string, string, string?, string> Clusters() => new()
    {
        { "unknown_key", ".LoadBalencingPolicy", "LoadBalancingPolicy", """§"LoadBalencingPolicy": "Random" """ },
        { "unknown_policy", ".LoadBalancingPolicy", "RoundRobin", """ "LoadBalancingPolicy": §"RoundRobbin" """ },
        { "unknown_policy", ".SessionAffinity.Policy", "Cookie",
            """ "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k", "Policy": §"Cookies" }""" },
        { "missing_key", ".SessionAffinity", null, """ "SessionAffinity": §{ "Enabled": true }""" },
        { "out_of_range", ".SessionAffinity.Cookie.MaxAge", null, """ "SessionAffinity": { "Cookie": { "MaxAge": §"0s" } }""" },
        { "invalid_value", ".SessionAffinity.Cookie.Path", null, """ "SessionAffinity": { "Cookie": { "Path": §"/; Secure" } }""" },
        { "unknown_policy", ".HealthCheck.AvailableDestinationsPolicy", null,
            """ "HealthCheck": { "AvailableDestinationsPolicy": §"All" }""" },
        { "out_of_range", ".HealthCheck.Active.Interval", null,
            """ "HealthCheck": { "Active": { "Enabled": true, "Interval": §"0s" } }""" },
        { "invalid_value", ".HealthCheck.Active.Path", null,
            """ "HealthCheck": { "Active": { "Enabled": true, "Path": §"healthz" } }""" },
        { "invalid_value", ".HealthCheck.Active.Query", null, """ "HealthCheck": { "Active": { "Enabled": true, "Query": §"a=b" } }""" },
        { "unknown_policy", ".HealthCheck.Passive.Policy", "FailureRate",
            """ "HealthCheck": { "Passive": { "Policy": §"FailureRat" } }""" },
        { "out_of_range", ".HttpRequest.ActivityTimeout", null, """ "HttpRequest": { "ActivityTimeout": §"-00:00:05" }""" },
        { "out_of_range", ".HttpRequest.ActivityTimeout", null, """ "HttpRequest": { "ActivityTimeout": §"0s" }""" },
        { "conflicting_keys", ".Timeouts.Idle", null,
            """ "HttpRequest": { "ActivityTimeout": "5s" }, "Timeouts": { "Idle": §"5s" }""" },
        { "out_of_range", ".Timeouts.PerTry", null, """ "Timeouts": { "PerTry": §"0s" }""" },
        { "unknown_value", ".HttpRequest.Version", null, """ "HttpRequest": { "Version": §"4" }""" },
        { "out_of_range", ".HttpClient.MaxConnectionsPerServer", null, """ "HttpClient": { "MaxConnectionsPerServer": §0 }""" },
        { "refused_by_proxy", "", null, """ "HttpClient": { "RequestHeaderEncoding": "nosuch" }""" },
        { "invalid_address", ".HttpClient.WebProxy.Address", "http://proxy:3128",
            """ "HttpClient": { "WebProxy": { "Address": §"proxy:3128" } }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.RateLimit']", null,
            """ "Metadata": { "FailureRateHealthPolicy.RateLimit": §"0" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.RateLimit']", null,
            """ "Metadata": { "FailureRateHealthPolicy.RateLimit": §"1.1" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.RateLimit']", null,
            """ "Metadata": { "FailureRateHealthPolicy.RateLimit": §"half" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.RateLimit']", null,
            """ "Metadata": { "FailureRateHealthPolicy.RateLimit": §"NaN" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.RateLimit']", null,
            """ "Metadata": { "FailureRateHealthPolicy.RateLimit": §"1e400" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.MinimalTotal']", null,
            """ "Metadata": { "FailureRateHealthPolicy.MinimalTotal": §"five" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.MinimalTotal']", null,
            """ "Metadata": { "FailureRateHealthPolicy.MinimalTotal": §"0" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.MinimalTotal']", null,
            """ "Metadata": { "FailureRateHealthPolicy.MinimalTotal": §"2.5" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.Window']", null,
            """ "Metadata": { "FailureRateHealthPolicy.Window": §"30" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.Window']", null,
            """ "Metadata": { "FailureRateHealthPolicy.Window": §"500ms" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.Window']", null,
            """ "Metadata": { "FailureRateHealthPolicy.Window": §"2h" }""" },
        { "out_of_range", ".Metadata['FailureRateHealthPolicy.Window']", null,
            """ "Metadata": { "FailureRateHealthPolicy.Window": §"01:00:00:00" }""" },
        { "out_of_range", ".Metadata['ConsecutiveFailuresHealthPolicy.Threshold']", null,
            """ "Metadata": { "ConsecutiveFailuresHealthPolicy.Threshold": §"two" }""" },
    };

    /// <summary>The same as whole documents.</summary>
    public static TheoryData<string, string, string?, string> WholeDocuments()
    {
        var documents = new TheoryData<string, string, string?, string>();
        foreach (var (code, path, suggestion, keys) in Routes().Select(row => row.Data))
        {
            documents.Add(code, path + "$", suggestion, Configurations.Document(route: keys));
        }

        foreach (var (code, path, suggestion, keys) in Clusters().Select(row => row.Data))
        {
            documents.Add(code, path + "$", suggestion, Configurations.Document(cluster: keys));
        }

        return documents;
    }

    [Theory, MemberData(nameof(Routes))]
    public void A_faulty_route_is_refused(string code, string path, string? suggestion, string keys) =>
        FaultAssert.One(code, Route + path, suggestion, Configurations.Document(route: keys));

    [Theory, MemberData(nameof(Matches))]
    public void A_faulty_match_is_refused(string code, string path, string? suggestion, string match) => FaultAssert.One(
        code, Route + ".Match" + path, suggestion, Configurations.Document().Replace("{ \"Path\": \"/{**rest}\" }", match));

    [Theory, MemberData(nameof(Clusters))]
    public void A_faulty_cluster_is_refused(string code, string path, string? suggestion, string keys)
    {
        var document = Configurations.Document(cluster: keys);
        FaultAssert.One(code, Cluster + path, suggestion, document.Contains('§') ? document : document.Replace("\"c\": {", "§\"c\": {"));
    }

    [Fact]
    public void A_route_to_a_cluster_that_does_not_exist_is_refused() => FaultAssert.One(
        "unknown_cluster", Route + ".ClusterId", "c1",
        Configurations.Document().Replace("\"ClusterId\": \"c\"", "\"ClusterId\": §\"c2\"").Replace("\"c\":", "\"c1\":"));

    [Fact]
    public void A_route_without_a_cluster_is_refused()
    {
        var read = Configurations.Read(Configurations.Document().Replace("\"ClusterId\": \"c\",", ""));
        Assert.Equal(["missing_key", "unused_cluster"], read.Faults.Select(f => f.Code));
    }
}
