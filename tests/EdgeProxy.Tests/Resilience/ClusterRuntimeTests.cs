using EdgeProxy.Configuration;
using EdgeProxy.Resilience;
using Xunit;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Tests.Resilience;

/// <summary>What a cluster keeps over revisions.</summary>
public sealed class ClusterRuntimeTests
{
    private static readonly DestinationConfig Named = new() { Address = "http://orders.test:8080/" };

    [Fact]
    public void A_breaker_of_a_cluster_stays_when_a_name_gets_other_addresses()
    {
        var (cluster, circuit) = Apply(("a", Named));

        foreach (var address in new[] { "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1" })
        {
            Assert.Same(circuit, Apply(cluster, Endpoint("a", Named, address)));
        }

        Assert.Same(circuit, Apply(cluster, Endpoint("a", Named, "192.0.2.4"), Endpoint("a", Named, "192.0.2.5")));
        Assert.Same(circuit, Apply(cluster, ("a", Named)));
    }

    [Fact]
    public void A_breaker_of_a_cluster_is_closed_by_another_configured_address()
    {
        var (cluster, circuit) = Apply(Endpoint("a", Named, "192.0.2.1"));
        var other = Named with { Address = "http://stock.test:8080/" };

        var moved = Apply(cluster, Endpoint("a", other, "192.0.2.1"));
        var renamed = Apply(cluster, Endpoint("b", other, "192.0.2.1"));
        var added = Apply(cluster, Endpoint("b", other, "192.0.2.1"), ("c", Named));

        Assert.NotSame(circuit, moved);
        Assert.NotSame(moved, renamed);
        Assert.NotSame(renamed, added);
        Assert.Same(added, Apply(cluster, ("c", Named)));
    }

    private static (ClusterState Cluster, Circuit Circuit) Apply(params (string Id, DestinationConfig Config)[] destinations)
    {
        var cluster = new ClusterState("c");
        return (cluster, Apply(cluster, destinations));
    }

    private static Circuit Apply(ClusterState cluster, params (string Id, DestinationConfig Config)[] destinations)
    {
        cluster.Destinations.Clear();
        foreach (var (id, config) in destinations)
        {
            cluster.Destinations[id] = new DestinationState(id, new DestinationModel(config));
        }

        var runtime = ClusterRuntime.Of(cluster);
        runtime.Apply(cluster, new ClusterSettings { ClusterId = "c" });
        return runtime.Circuit;
    }

    private static (string Id, DestinationConfig Config) Endpoint(string id, DestinationConfig configured, string address) =>
        (EndpointId.Of(id, address), configured with
        {
            Address = $"http://{(address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address)}:8080/",
            Metadata = EndpointId.Metadata(configured, "orders.test:8080"),
        });
}
