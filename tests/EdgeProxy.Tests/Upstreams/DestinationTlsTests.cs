using EdgeProxy.Upstreams;
using Xunit;

namespace EdgeProxy.Tests.Upstreams;

public sealed class DestinationTlsTests
{
    [Theory]
    [InlineData("https://orders.example:8443/", null, "orders.example")]
    [InlineData("https://10.0.0.1/", "shop.example:8443", "shop.example")]
    [InlineData("https://10.0.0.1/", "", "10.0.0.1")]
    [InlineData("https://[::1]:5001/", null, "::1")]
    [InlineData("HTTPS://Orders.example/", null, "orders.example")]
    [InlineData("http://orders.example/", "shop.example", "")]
    public void The_name_for_TLS_is_the_destination_s_Host_else_the_host_of_its_address(string address, string? host, string name) =>
        Assert.Equal(name, DestinationTls.NameOf(new Uri(address), host));
}
