using EdgeProxy.Health;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Tests.Health;

public sealed class FailureRateOptionsTests
{
    [Fact]
    public void What_a_cluster_says_is_what_counts()
    {
        var metadata = new Dictionary<string, string>
        {
            [FailureRateOptions.RateLimitKey] = "0.5",
            [FailureRateOptions.MinimalTotalKey] = "3",
            [FailureRateOptions.WindowKey] = "30s",
        };
        Assert.Equal(
            new FailureRateOptions { RateLimit = 0.5, MinimalTotal = 3, Window = TimeSpan.FromSeconds(30) },
            FailureRateOptions.Of(new ClusterConfig { ClusterId = "c", Metadata = metadata }));
    }
}
