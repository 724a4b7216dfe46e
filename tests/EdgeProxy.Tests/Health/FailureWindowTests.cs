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
        var window = new FailureWindow(Bucket);
        window.Record(1_000, failed: true);
        window.Record(1_950, failed: false);
        Assert.Equal((2, 1), window.Read(1_999));
        Assert.Equal((1, 0), window.Read(2_000));
        Assert.Equal((0, 0), window.Read(9_000));
    }

    [Fact]
    public void A_bucket_begins_anew_when_its_turn_comes_again()
    {
        var window = new FailureWindow(Bucket);
        window.Record(1_000, failed: true);
        window.Record(2_000, failed: false);
        Assert.Equal((1, 0), window.Read(2_000));
    }

    [Fact]
    public void A_cleared_window_has_forgotten_everything()
    {
        var window = new FailureWindow(Bucket);
        window.Record(1_000, failed: true);
        window.Clear();
        Assert.Equal((0, 0), window.Read(1_000));
        window.Record(1_000, failed: false);
        Assert.Equal((1, 0), window.Read(1_000));
    }

    [Theory]
    [InlineData("0.5", 0.5)]
    [InlineData("1", 1)]
    [InlineData("0", 0.3)]
    [InlineData("1.1", 0.3)]
    [InlineData("half", 0.3)]
    public void A_rate_that_is_none_counts_as_absent(string text, double rate)
    {
        var metadata = new Dictionary<string, string> { [FailureRateOptions.RateLimitKey] = text };
        Assert.Equal(rate, FailureRateOptions.Of(new ClusterConfig { ClusterId = "c", Metadata = metadata }).RateLimit);
    }
}
