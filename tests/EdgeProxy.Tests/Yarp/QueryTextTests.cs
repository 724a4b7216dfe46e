using EdgeProxy.Yarp;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

public sealed class QueryTextTests
{
    [Theory]
    [InlineData("", "?v=1")]
    [InlineData("?", "?v=1")]
    [InlineData("?b=1&a=2&b=3", "?b=1&a=2&b=3&v=1")]
    [InlineData("?v=0&a=2", "?v=1&a=2")]
    [InlineData("?a=2&v&b&v=3", "?a=2&v=1&b")]
    [InlineData("?V=0", "?V=0&v=1")]
    [InlineData("?%76=0", "?v=1")]
    [InlineData("?flag&x=&&=y&", "?flag&x=&&=y&&v=1")]
    [InlineData("?sig=a%2Fb%2Bc%3D&t=1+2&p=%zz&n=caf%E9", "?sig=a%2Fb%2Bc%3D&t=1+2&p=%zz&n=caf%E9&v=1")]
    [InlineData("??v=0", "??v=0&v=1")]
    public void A_parameter_is_set_in_its_place_or_last_and_the_others_stay(string query, string expected) =>
        Assert.Equal(expected, QueryText.Set(query, "v", "v=1"));

    [Theory]
    [InlineData("", "")]
    [InlineData("?", "?")]
    [InlineData("?debug=1", "")]
    [InlineData("?debug", "")]
    [InlineData("?a=1&DEBUG=2&debug=1", "?a=1&DEBUG=2")]
    [InlineData("?debug=1&b=%2F&d%65bug=2&b=", "?b=%2F&b=")]
    [InlineData("?debugger=1&x=debug", "?debugger=1&x=debug")]
    [InlineData("?&debug=1&", "?&")]
    public void A_parameter_is_removed_wherever_it_stands_and_the_others_stay(string query, string expected) =>
        Assert.Equal(expected, QueryText.Remove(query, "debug"));

    [Fact]
    public void A_name_with_a_space_is_found_in_either_coding() =>
        Assert.Equal("?c=3", QueryText.Remove("?a+b=1&a%20b=2&c=3", "a b"));

    [Theory]
    [InlineData("", "?v=1")]
    [InlineData("?v=0", "?v=0&v=1")]
    public void A_parameter_is_appended_behind_the_others(string query, string expected) =>
        Assert.Equal(expected, QueryText.Append(query, "v=1"));
}
