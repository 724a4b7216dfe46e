using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>How the admin API names buckets.</summary>
public sealed class BucketKeyTests
{
    [Fact]
    public void Names_that_differ_in_case_alone_are_one_bucket_and_values_of_fields_are_not()
    {
        var lower = Limits.Policy(Limits.Of(10, 1, 1, "sec"));
        var upper = Limits.Policy(Limits.Of(10, 1, 1, "Sec")) with { Name = "STANDARD" };

        Assert.Equal(lower.Set.Tags, upper.Set.Tags);
        foreach (var kind in new[] { BucketName.Known, BucketName.OfRoute })
        {
            Assert.Equal(new BucketName(lower, kind, "acme").Digest(), new BucketName(upper, kind, "Acme").Digest());
        }

        Assert.NotEqual(
            new BucketName(lower, BucketName.OfField, "acme").Digest(), new BucketName(upper, BucketName.OfField, "Acme").Digest());
    }

    [Theory]
    [InlineData("Client", "acme", "client:acme")]
    [InlineData("Client", "ACME", "client:acme")]
    [InlineData("Client", "client:acme", "client:acme")]
    [InlineData("Client", "127.0.0.1", "ip:127.0.0.1")]
    [InlineData("Client", "::ffff:127.0.0.1", "ip:127.0.0.1")]
    [InlineData("Client", "10.0.0.1", "client:10.0.0.1")] // a client of that name
    [InlineData("Client", "ip:10.0.0.1", "ip:10.0.0.1")]
    [InlineData("Client", "2001:db8::7", "ip:2001:db8::/64")]
    [InlineData("Client", "ip:2001:db8::/64", "ip:2001:db8::/64")]
    [InlineData("Client", "nobody", null)]
    [InlineData("Client", "client:127.0.0.1", null)]
    [InlineData("Client", "ip:1", null)]
    [InlineData("Ip", "acme", null)]
    [InlineData("Ip", "10.0.0.1", "ip:10.0.0.1")]
    [InlineData("Route", "R", "route:r")]
    [InlineData("Route", "route:r", "route:r")]
    [InlineData("Route", "client:acme", null)]
    [InlineData("Global", "global", "global")]
    [InlineData("Global", "acme", null)]
    [InlineData("Header:X-Tenant", "acme", "header:acme")]
    [InlineData("Header:X-Tenant", "header:client:acme", "header:client:acme")]
    [InlineData("Header:X-Tenant", "client:acme", "client:acme")]
    [InlineData("Header:X-Tenant", "client:nobody", null)]
    [InlineData("Header:X-Tenant", "ip:10.0.0.1", "ip:10.0.0.1")]
    public void A_key_names_one_bucket(string per, string key, string? expected)
    {
        var revision = Read(per);
        var found = BucketKey.Find(key, revision.Policies["standard"], revision);

        Assert.Equal(expected, found is null ? null : BucketKey.Of(found.Name));
        if (expected is not null)
        {
            Assert.Equal(found!.Name, BucketKey.Find(expected, revision.Policies["standard"], revision)!.Name);
        }
    }

    [Fact]
    public void A_client_without_limits_has_none()
    {
        var revision = Read("Client");
        Assert.Null(BucketKey.Find("acme", revision.Policies["standard"], revision)!.Limits);
        Assert.NotNull(BucketKey.Find("ip:10.0.0.1", revision.Policies["standard"], revision)!.Limits);
    }

    private static Revision Read(string per) => Configurations.Read($$"""
        { "Clients": { "ApiKey": { "Keys": {
            "acme": { "Sha256": "{{new string('1', 64)}}", "Plan": "free" }, "10.0.0.1": { "Sha256": "{{new string('2', 64)}}" } } } },
          "RateLimits": { "standard": { "Per": "{{per}}", "Limits": [ { "Name": "sec", "Capacity": 20, "Refill": 10, "Every": "1s" } ]
            {{(per == "Client" ? ", \"Plans\": { \"free\": { \"Unlimited\": true } }" : "")}} } },
          {{Configurations.Proxy}} }
        """).Revision!;
}
