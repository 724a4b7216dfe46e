using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>What a configuration says arrives where it is used.</summary>
public sealed class ReadingTests
{
    [Fact]
    public void A_small_configuration_has_the_documented_defaults()
    {
        var revision = Whole(Configurations.Document());

        Assert.Equivalent(new EdgeOptions(), revision.Edge);
        Assert.Equal(64, revision.Clients.AnonymousIpv6Prefix);
        Assert.Null(revision.Clients.ApiKeyHeader);
        Assert.Equal("c", revision.Routes["R"].ClusterId);
        Assert.Empty(revision.Routes["r"].RateLimits);
        var cluster = Assert.Single(revision.ProxyClusters);
        Assert.Equal("HealthyAndUnknown", cluster.HealthCheck?.AvailableDestinationsPolicy);
        Assert.Null(Assert.Single(revision.ProxyRoutes).Metadata);
    }

    [Fact]
    public void Every_key_of_the_edge_is_read()
    {
        var edge = Whole($$"""
            { "Edge": {
                "Name": "e1", "Listen": [ "http://127.0.0.1:0", { "Url": "http://127.0.0.1:81", "Protocols": "http2" } ],
                "Admin": { "Listen": "http://127.0.0.1:9902", "Token": "t" }, "Store": { "Redis": "127.0.0.1:6379" },
                "TrustedProxies": [ "10.0.0.0/8", "192.168.1.7" ], "Errors": { "TypeBase": "https://errors.example/" },
                "Requests": { "HeaderBytes": "2048", "HeaderCount": 50, "TargetBytes": 4096, "BodyBytes": 0 },
                "Shutdown": { "DrainTimeout": "00:00:05" } },
              {{Configurations.Proxy}} }
            """).Edge;

        Assert.Equal("e1", edge.Name);
        Assert.Equal(["http://127.0.0.1:0", "http://127.0.0.1:81"], edge.Listen.Select(l => l.Url));
        Assert.Equal([ListenerProtocols.Http1AndHttp2, ListenerProtocols.Http2], edge.Listen.Select(l => l.Protocols));
        Assert.Equal(new AdminOptions { Listen = "http://127.0.0.1:9902", Token = "t" }, edge.Admin);
        Assert.Equal("127.0.0.1:6379", edge.Store.Redis);
        Assert.Equal(["10.0.0.0/8", "192.168.1.7/32"], edge.TrustedProxies.Select(n => n.ToString()));
        Assert.Equal("https://errors.example/", edge.Errors.TypeBase);
        Assert.Equal(new RequestOptions { HeaderBytes = 2048, HeaderCount = 50, TargetBytes = 4096, BodyBytes = 0 }, edge.Requests);
        Assert.Equal(TimeSpan.FromSeconds(5), edge.Shutdown.DrainTimeout);
    }

    [Fact]
    public void Every_key_of_clients_and_limits_is_read()
    {
        var hash = new string('A', 64);
        var revision = Whole(Configurations.Document(
            route: """ "RateLimits": [ "Standard", "tenant" ], "RequireClient": true, "Owner": "orders" """,
            sections: $$"""
                "Clients": { "ApiKey": { "Header": "X-Key", "Forward": "true",
                             "Keys": { "acme": { "Sha256": "{{hash}}", "Plan": "gold" } } },
                             "AnonymousIpv6Prefix": 56 },
                "RateLimits": {
                  "standard": { "Limits": [ { "Name": "sec", "Capacity": 20, "Refill": 10, "Every": "1s" } ],
                                "Plans": { "gold": { "Limits": [ { "Name": "sec", "Capacity": 200, "Refill": 100, "Every": "1s" } ] },
                                           "internal": { "Unlimited": true } },
                                "Mode": "shadow", "Decide": "STRICT", "OnStoreOutage": "Open" },
                  "tenant": { "Per": "Header:X-Tenant",
                              "Limits": [ { "Name": "day", "Capacity": 9000000000, "Refill": 1, "Every": "1d" } ] } },
                """));

        var client = revision.Clients.Keys[hash.ToLowerInvariant()];
        Assert.Equal(("acme", "gold", false), (client.Id, client.Plan, client.IsAnonymous));
        var clients = revision.Clients;
        Assert.Equal(("X-Key", true, 56), (clients.ApiKeyHeader, clients.ForwardKey, clients.AnonymousIpv6Prefix));

        var settings = revision.Routes["r"];
        Assert.Equal((true, "orders"), (settings.RequireClient, settings.Owner));
        Assert.Equal(["standard", "tenant"], settings.RateLimits.Select(p => p.Name));
        var standard = settings.RateLimits[0];
        Assert.Equal([new Limit("sec", 20, 10, TimeSpan.FromSeconds(1))], standard.Limits);
        Assert.Equal([new Limit("sec", 200, 100, TimeSpan.FromSeconds(1))], standard.Plans["gold"].Limits);
        Assert.True(standard.Plans["internal"].Unlimited);
        Assert.Equal(
            (RateLimitMode.Shadow, DecisionMode.Strict, StoreOutagePolicy.Open),
            (standard.Mode, standard.Decide, standard.OnStoreOutage));
        Assert.Equal((RateLimitKey.Header, "X-Tenant"), (settings.RateLimits[1].Per, settings.RateLimits[1].Header));
    }

    [Fact]
    public void The_proxy_is_given_its_own_keys_and_no_policy_that_it_does_not_know()
    {
        var revision = Whole(Configurations.Document(
            route: """
                "Order": "1", "RateLimiterPolicy": "disable", "CorsPolicy": "Disable", "Timeout": "15s", "MaxRequestBodySize": -1,
                "Transforms": [ { "X-Forwarded": "append" }, { "RequestHeadersCopy": true } ], "Metadata": { "a": 1 }
                """,
            cluster: """
                "HealthCheck": { "Passive": { "Enabled": true }, "Active": { "Enabled": true, "Path": "/healthz", "Interval": "1s" } },
                "HttpRequest": { "Version": "1.1", "ActivityTimeout": "00:00:30" },
                "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k" }
                """));

        var route = Assert.Single(revision.ProxyRoutes);
        Assert.Equal((1, null, null), (route.Order, route.RateLimiterPolicy, route.CorsPolicy));
        Assert.Equal((TimeSpan.FromSeconds(15), -1L), (route.Timeout, route.MaxRequestBodySize));
        Assert.Equal("Append", route.Transforms![0]["X-Forwarded"]);
        Assert.Equal("1", route.Metadata!["a"]);
        var cluster = Assert.Single(revision.ProxyClusters);
        Assert.Equal("FailureRate", cluster.HealthCheck!.Passive!.Policy);
        var probe = cluster.HealthCheck.Active!;
        Assert.Equal(("/healthz", TimeSpan.FromSeconds(1)), (probe.Path, probe.Interval!.Value));
        var request = cluster.HttpRequest!;
        Assert.Equal((new Version(1, 1), TimeSpan.FromSeconds(30)), (request.Version!, request.ActivityTimeout!.Value));
        Assert.Equal("HashCookie", cluster.SessionAffinity!.Policy);
    }

    private static Revision Whole(string document)
    {
        var read = Configurations.Read(document);
        Assert.True(read.Revision is not null, string.Join('\n', read.Faults));
        return read.Revision;
    }
}
