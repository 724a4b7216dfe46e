using EdgeProxy.Yarp;
using Xunit;

namespace EdgeProxy.Tests.Yarp;

public sealed class LocationTextTests
{
    private const string Plain = "http://10.0.0.1:5000/";
    private const string Base = "http://10.0.0.1:5000/base/";

    [Theory]
    [InlineData(Plain, "/login?next=%2Fa#top", "/app/login?next=%2Fa#top")]
    [InlineData(Plain, "/", "/app/")]
    [InlineData(Plain, "/a%2Fb", "/app/a%2Fb")]
    [InlineData(Plain, "http://10.0.0.1:5000/login", "/app/login")]
    [InlineData(Plain, "HTTP://10.0.0.1:5000?x=1", "/app/?x=1")]
    [InlineData(Plain, "//10.0.0.1:5000/login", "/app/login")]
    [InlineData(Plain, "http://d.internal/login", "/app/login")]
    [InlineData(Plain, "https://shop.example/login", "https://shop.example/app/login")]
    [InlineData(Plain, "/app/login", null)] // the destination has been told of the prefix
    [InlineData(Plain, "/app", null)]
    [InlineData(Plain, "/application", "/app/application")]
    [InlineData(Plain, "login", null)]
    [InlineData(Plain, "?x=1", null)]
    [InlineData(Plain, "../x", null)]
    [InlineData(Plain, "", null)]
    [InlineData(Plain, "https://elsewhere.example/login", null)]
    [InlineData(Plain, "//elsewhere.example/login", null)]
    [InlineData(Plain, "http://shop.example@elsewhere.example/", null)]
    [InlineData(Plain, "mailto:a@b", null)]
    [InlineData(Base, "/base/login", "/app/login")]
    [InlineData(Base, "/base", "/app")]
    [InlineData(Base, "/login", null)]
    [InlineData(Base, "/basement", null)]
    public void What_leads_to_the_destination_leads_through_the_edge(string address, string reference, string? expected) =>
        Assert.Equal(expected, new LocationText([(true, "/app")]).Rewrite(
            reference, address, ["10.0.0.1:5000", "d.internal"], "shop.example"));

    [Theory]
    [InlineData("/v1/login", "/app/login")]
    [InlineData("/login", null)]
    public void A_prefix_that_was_put_before_the_path_is_taken_away(string reference, string? expected) =>
        Assert.Equal(expected, new LocationText([(true, "/app"), (false, "/v1")]).Rewrite(reference, Plain, [], null));

    [Fact]
    public void Nothing_becomes_a_reference_to_another_host() =>
        Assert.Null(new LocationText([(true, ""), (false, "/v1")]).Rewrite("/v1//elsewhere.example/", Plain, [], null));
}
