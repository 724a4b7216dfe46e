using Xunit;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Which timeouts a route takes from its cluster.</summary>
public sealed class TimeoutSettingsTests
{
    [Theory]
    [InlineData("")]
    [InlineData(""" "Timeouts": { "PerTry": "2s" } """)]
    public void A_route_has_the_bounds_of_its_cluster_s_connections_with_timeouts_of_its_own_too(string route)
    {
        const string Cluster = """ "Timeouts": { "Connect": "7s", "PingDelay": "8s", "PingTimeout": "9s" } """;

        var timeouts = Configurations.Read(Configurations.Document(route, Cluster)).Revision!.Routes["r"].Timeouts;

        Assert.Equal(TimeSpan.FromSeconds(7), timeouts.Connect);
        Assert.Equal(TimeSpan.FromSeconds(8), timeouts.PingDelay);
        Assert.Equal(TimeSpan.FromSeconds(9), timeouts.PingTimeout);
        Assert.Equal(route.Length > 0 ? TimeSpan.FromSeconds(2) : null, timeouts.PerTry);
    }
}
