using EdgeProxy.Health;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Tests.Health;

public sealed class FailureWindowTests
{
    private const long Bucket = 100;

    [Fact]
    public void What_is_older_than_ten_buckets_no_longer_counts()
    {
        var window = new FailureWindow(TimeSpan.FromSeconds(10), Bucket);
        window.Record(1_000, failed: true);
        window.Record(1_950, failed: false);
        Assert.Equal((2, 1), window.Read(1_999));
        Assert.Equal((1, 0), window.Read(2_000));
        Assert.Equal((0, 0), window.Read(9_000));
    }

    [Fact]
    public void A_bucket_begins_anew_when_its_turn_comes_again()
    {
        var window = new FailureWindow(TimeSpan.FromSeconds(10), Bucket);
        window.Record(1_000, failed: true);
        window.Record(2_000, failed: false);
        Assert.Equal((1, 0), window.Read(2_000));
    }

    [Fact]
    public void A_cleared_window_has_forgotten_everything()
    {
        var window = new FailureWindow(TimeSpan.FromSeconds(10), Bucket);
        window.Record(1_000, failed: true);
        window.Clear();
        Assert.Equal((0, 0), window.Read(1_000));
        window.Record(1_000, failed: false);
        Assert.Equal((1, 0), window.Read(1_000));
    }

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
