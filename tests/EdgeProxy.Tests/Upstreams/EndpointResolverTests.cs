using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Upstreams;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Tests.Upstreams;

public sealed class EndpointResolverTests
{
    private static readonly ResolvedName Two = ResolvedName.Of(
        [new IPEndPoint(IPAddress.Parse("10.0.0.1"), 5001), new IPEndPoint(IPAddress.Parse("10.0.0.2"), 5001)]);

    [Fact]
    public void A_name_becomes_an_endpoint_for_each_address_with_its_path_its_probe_and_its_Host()
    {
        var resolved = new Dictionary<string, DestinationConfig>();
        var configured = new DestinationConfig { Address = "https://orders.example:5001/api/", Health = "http://orders.example:5002/up" };

        EndpointResolver.Add(resolved, "a", configured, Two);

        Assert.Equal(
            ["https://10.0.0.1:5001/api/ http://10.0.0.1:5002/up", "https://10.0.0.2:5001/api/ http://10.0.0.2:5002/up"],
            resolved.Values.Select(endpoint => $"{endpoint.Address} {endpoint.Health}"));
        Assert.All(resolved.Values, endpoint => Assert.Equal("orders.example:5001", endpoint.Host));
        Assert.All(resolved.Keys, id => Assert.Equal("a", EndpointId.DestinationOf(id)));
        Assert.All(resolved.Values, endpoint => Assert.Equal(configured.Address, EndpointId.AddressOf(endpoint)));
        Assert.All(resolved.Values, endpoint => Assert.Equal("orders.example:5001", EndpointId.NameOf(endpoint)));
    }

    [Fact]
    public void A_probe_of_another_host_and_a_Host_that_is_written_stay()
    {
        var resolved = new Dictionary<string, DestinationConfig>();

        EndpointResolver.Add(
            resolved,
            "a",
            new DestinationConfig { Address = "http://orders.example:5001/", Health = "http://probes.example/", Host = "shop.example" },
            Two);

        Assert.All(resolved.Values, endpoint => Assert.Equal(("http://probes.example/", "shop.example"), (endpoint.Health, endpoint.Host)));
    }

    [Fact]
    public void A_name_that_is_not_resolved_stays_as_it_is_written()
    {
        var resolved = new Dictionary<string, DestinationConfig>();
        var configured = new DestinationConfig { Address = "http://orders.example:5001/" };

        EndpointResolver.Add(resolved, "a", configured, name: null);

        Assert.Equal(configured, resolved["a"]);
    }

    [Theory]
    [InlineData("http://orders.example/", "orders.example:80", "orders.example")]
    [InlineData("https://Orders.example:8443/x", "orders.example:8443", "orders.example:8443")]
    [InlineData("http://_http._tcp.orders.svc/", "_http._tcp.orders.svc:80", "orders.svc")]
    [InlineData("http://10.0.0.1:5001/", null, null)]
    [InlineData("http://[::1]/", null, null)]
    public void A_name_to_look_up_is_a_host_that_is_no_address(string address, string? name, string? authority)
    {
        var key = NameKey.Of(address);

        Assert.Equal(name, key?.ToString());
        Assert.Equal(authority, key?.Authority(new Uri(address).IsDefaultPort));
    }
}
