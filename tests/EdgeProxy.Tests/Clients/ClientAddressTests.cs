using System.Net;
using EdgeProxy.Clients;
using Xunit;

namespace EdgeProxy.Tests.Clients;

public sealed class ClientAddressTests
{
    [Theory]
    [InlineData("203.0.113.9", "198.51.100.1", "203.0.113.9")]                          // the peer is not trusted: hearsay
    [InlineData("10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1")]                   // what is left of it anybody may have written
    [InlineData("10.0.0.1", "1.1.1.1, 198.51.100.1 , 10.0.0.2,10.0.0.3", "198.51.100.1")]
    [InlineData("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9")]                          // trusted all the way
    [InlineData("10.0.0.1", "198.51.100.1, garbage, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "198.51.100.1, 7, 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "198.51.100.1:4711", "198.51.100.1")]
    [InlineData("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7")]
    [InlineData("10.0.0.1", "2001:db8::7", "2001:db8::7")]
    [InlineData("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1")]
    [InlineData("10.0.0.1", "", "10.0.0.1")]
    [InlineData("10.0.0.1", null, "10.0.0.1")]
    [InlineData("10.0.0.1", ",,", "10.0.0.1")]
    [InlineData("10.0.0.1", "203.0.113.9,", "203.0.113.9")]                             // empty elements of the list are none
    [InlineData("10.0.0.1", "203.0.113.9, , ,", "203.0.113.9")]
    [InlineData("10.0.0.1", ",203.0.113.9, ,\t,10.0.0.2", "203.0.113.9")]
    [InlineData("10.0.0.1", "198.51.100.1, garbage, , 10.0.0.2", "10.0.0.2")]
    [InlineData("10.0.0.1", "[", "10.0.0.1")]
    public void The_client_is_the_first_untrusted_hop_from_the_right(string peer, string? forwardedFor, string expected) =>
        Assert.Equal(expected, ClientAddress.Of(IPAddress.Parse(peer), forwardedFor, [IPNetwork.Parse("10.0.0.0/8")]).ToString());

    [Fact]
    public void Repeated_fields_are_one_list()
    {
        var address = ClientAddress.Of(
            IPAddress.Parse("10.0.0.1"), new(["1.1.1.1, 198.51.100.1", "10.0.0.2"]), [IPNetwork.Parse("10.0.0.0/8")]);
        Assert.Equal("198.51.100.1", address.ToString());
    }

    [Fact]
    public void An_empty_field_among_repeated_ones_is_no_address()
    {
        var address = ClientAddress.Of(
            IPAddress.Parse("10.0.0.1"), new(["198.51.100.1", "", " , "]), [IPNetwork.Parse("10.0.0.0/8")]);
        Assert.Equal("198.51.100.1", address.ToString());
    }

    [Theory]
    [InlineData("192.0.2.1", 64, "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:3:4:5:6", 60, "2001:db8:1::/60")]
    [InlineData("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6/128")]
    [InlineData("fe80::1%3", 64, "fe80::/64")]
    public void An_IPv6_client_is_its_prefix(string address, int prefix, string expected) =>
        Assert.Equal(expected, ClientAddress.NameOf(IPAddress.Parse(address), prefix));
}
