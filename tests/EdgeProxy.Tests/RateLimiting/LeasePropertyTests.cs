using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>The twin under torture; the integration tests hold it to the scripts.</summary>
public sealed class LeasePropertyTests
{
    [Fact]
    public async Task Nodes_with_leases_admit_no_more_than_one_bucket_whatever_goes_wrong()
    {
        for (var seed = 0; seed < 2_000; seed++)
        {
            Assert.Null(await LeaseTorture.RunAsync(seed, new BucketTwin()));
        }
    }

    [Fact]
    public async Task Several_policies_of_a_route_are_charged_all_or_none()
    {
        for (var seed = 0; seed < 1_000; seed++)
        {
            Assert.Null(await RouteTorture.RunAsync(seed, new BucketTwin()));
        }
    }
}
