using EdgeProxy.Clients;
using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

public sealed class LimitSetTests
{
    [Theory]
    [InlineData(20, 10, 1, "\"sec\";q=20;w=2")]
    [InlineData(21, 10, 1, "\"sec\";q=21;w=3")]
    [InlineData(1, 1000, 1, "\"sec\";q=1;w=1")]
    [InlineData(100000, 100000, 86400, "\"sec\";q=100000;w=86400")]
    public void The_policy_field_gives_quota_and_time_to_fill(long capacity, long refill, double seconds, string expected) =>
        Assert.Equal(expected, new LimitSet([Limits.Of(capacity, refill, seconds)]).PolicyField);

    [Theory]
    [InlineData(13_000_000, "\"sec\";r=13;t=1")]
    [InlineData(13_999_999, "\"sec\";r=13;t=1")]
    [InlineData(0, "\"sec\";r=0;t=1")]
    [InlineData(20_000_000, "\"sec\";r=20")]
    public void The_level_field_gives_whole_tokens_and_seconds_to_the_next(long level, string expected)
    {
        var levels = default(Levels);
        levels[0] = level;
        Assert.Equal(expected, new LimitSet([Limits.Of(20, 10, 1)]).LevelField(levels));
    }

    [Fact]
    public void Several_limits_are_one_list()
    {
        var set = new LimitSet([Limits.Of(200, 100, 1), Limits.Of(10000, 10000, 86400, "day")]);
        var levels = default(Levels);
        levels[0] = 150 * Rate.Token;
        levels[1] = 9321 * Rate.Token;

        Assert.Equal("\"sec\";q=200;w=2,\"day\";q=10000;w=86400", set.PolicyField);
        Assert.Equal("\"sec\";r=150;t=1,\"day\";r=9321;t=9", set.LevelField(levels));
    }

    [Fact]
    public void The_largest_limits_do_not_overflow()
    {
        var rate = Rate.Of(new Limit("big", long.MaxValue, 1, TimeSpan.FromDays(365)));
        Assert.Equal(Rate.LargestCapacity * Rate.Token, rate.Capacity);
        Assert.True(rate.TimeToFill > TimeSpan.FromDays(365).TotalMicroseconds);
        Assert.InRange(rate.Refill(0, long.MaxValue), Rate.Token, rate.Capacity);
        var fast = Rate.Of(new Limit("fast", long.MaxValue, long.MaxValue, TimeSpan.FromTicks(1)));
        Assert.Equal(fast.Capacity, fast.Refill(0, long.MaxValue));
    }

    [Fact]
    public void A_plan_replaces_the_limits_whole_and_may_have_none()
    {
        var policy = Limits.Policy(Limits.Of(20, 10, 1)) with
        {
            Plans = System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(new Dictionary<string, PlanLimits>
            {
                ["gold"] = new(false, [Limits.Of(200, 100, 1)]),
                ["internal"] = new(true, []),
            }),
        };

        Assert.Equal("\"sec\";q=200;w=2", policy.SetFor(Of("gold"))!.PolicyField);
        Assert.Equal("\"sec\";q=20;w=2", policy.SetFor(Of("silver"))!.PolicyField);
        Assert.Null(policy.SetFor(Of("internal")));
        Assert.Same(policy.Set, (policy with { Per = RateLimitKey.Ip }).SetFor(Of("internal")));
    }

    [Fact]
    public void A_client_s_own_limits_come_before_its_plan_s_and_never_go_to_an_address_of_that_name()
    {
        var policy = Configurations.Read($$"""
            { "Clients": { "ApiKey": { "Keys": {
                "acme": { "Sha256": "{{new string('1', 64)}}", "Plan": "gold",
                  "RateLimits": { "Standard": { "Limits": [ { "Name": "own", "Capacity": 7, "Refill": 1, "Every": "1s" } ] } } },
                "jobs": { "Sha256": "{{new string('2', 64)}}", "RateLimits": { "standard": { "Unlimited": true } } },
                "10.0.0.1": { "Sha256": "{{new string('3', 64)}}", "RateLimits": { "standard": { "Unlimited": true } } } } } },
              "RateLimits": { "standard": { "Limits": [ { "Name": "sec", "Capacity": 20, "Refill": 10, "Every": "1s" } ],
                "Plans": { "gold": { "Limits": [ { "Name": "sec", "Capacity": 200, "Refill": 100, "Every": "1s" } ] } } } },
              {{Configurations.Proxy}} }
            """).Revision!.Policies["standard"];

        Assert.Equal("\"own\";q=7;w=7", policy.SetFor(Of("gold"))!.PolicyField);
        Assert.Equal("\"sec\";q=200;w=2", policy.SetFor(Of("gold") with { Id = "other" })!.PolicyField);
        Assert.Null(policy.SetFor(Of("default") with { Id = "jobs" }));
        Assert.Same(policy.Set, policy.SetFor(new Client("10.0.0.1", Client.AnonymousPlan, IsAnonymous: true)));
    }

    [Fact]
    public void The_hash_is_SipHash()
    {
        // Test vectors of the reference implementation: key 00…0f, message of fifteen bytes 00…0e, and the empty one.
        var hash = new SipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
        Assert.Equal((0x930255c71472f66dUL, 0xe6a825ba047f81a3UL), hash.Hash([]));
        Assert.Equal((0xd9c3cf970fec087eUL, 0x11a8b03399e99354UL), hash.Hash([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]));
    }

    private static Client Of(string plan) => new("acme", plan, IsAnonymous: false);
}
