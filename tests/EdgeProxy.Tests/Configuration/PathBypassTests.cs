using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>A route that asks for a client is worth what its neighbours are.</summary>
public sealed class PathBypassTests
{
    [Theory]
    [InlineData("/priv/{**rest}", "c", "/{**rest}", "c", "", true)]
    [InlineData("/a/priv", "c", "/A/{*rest}", "c", "", true)]
    [InlineData("/priv/{id}", "c", "", "c", """ "Hosts": [ "a" ] """, true)]
    [InlineData("/priv/{**rest}", "c", "/{**rest}", "d", "", false)]
    [InlineData("/priv/{**rest}", "c", "/privy/{**rest}", "c", "", false)]
    [InlineData("/priv/{**rest}", "c", "/public/{id}", "c", "", false)]
    [InlineData("/{**rest}", "c", "/priv/{**rest}", "c", "", false)]
    public void A_wider_route_to_the_same_cluster_that_asks_for_nobody_is_warned_of(
        string path, string cluster, string widerPath, string widerCluster, string hosts, bool isWarned)
    {
        var wider = widerPath.Length > 0 ? $"\"Path\": \"{widerPath}\"" : hosts;
        var read = Configurations.Read($$"""
            { "ReverseProxy": {
                "Routes": { "priv": { "ClusterId": "{{cluster}}", "RequireClient": true, "Match": { "Path": "{{path}}" } },
                            "wide": { "ClusterId": "{{widerCluster}}", "Match": { {{wider}} } },
                            "else": { "ClusterId": "d", "Match": { "Path": "/else" } } },
                "Clusters": { "c": { "Destinations": { "d": { "Address": "http://127.0.0.1:5001/" } } },
                              "d": { "Destinations": { "d": { "Address": "http://127.0.0.1:5002/" } } } } } }
            """);

        Assert.NotNull(read.Revision);
        Assert.Equal(isWarned ? ["path_bypass"] : [], read.Faults.Select(fault => fault.Code));
    }
}
