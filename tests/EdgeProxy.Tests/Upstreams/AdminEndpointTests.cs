using System.Net;
using EdgeProxy.Upstreams;
using Xunit;

namespace EdgeProxy.Tests.Upstreams;

public sealed class AdminEndpointTests
{
    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", "127.0.0.1", true)]
    [InlineData("127.0.0.1", "127.0.0.2", "127.0.0.1", false)]
    [InlineData("10.0.0.5", "10.0.0.5", "10.0.0.5", true)]
    [InlineData("10.0.0.5", "10.0.0.6", "10.0.0.5", false)]
    [InlineData("0.0.0.0", "127.0.0.9", "127.0.0.1", true)]
    [InlineData("0.0.0.0", "10.0.0.5", "10.0.0.5", true)]
    [InlineData("::", "10.0.0.5", "10.0.0.5", true)]
    [InlineData("0.0.0.0", "10.0.0.6", "10.0.0.5", false)]
    public void A_connection_leads_to_the_admin_listener_at_its_address_or_at_any_of_this_machine(
        string bound, string remote, string local, bool leads) =>
        Assert.Equal(leads, AdminEndpoint.Leads(IPAddress.Parse(bound), IPAddress.Parse(remote), IPAddress.Parse(local)));
}
