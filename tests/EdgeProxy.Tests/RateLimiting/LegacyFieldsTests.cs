using EdgeProxy.RateLimiting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

public sealed class LegacyFieldsTests
{
    private readonly MemoryBucketStore _store = new(new ManualTime());
    private readonly HeaderDictionary _headers = new() { ["X-RateLimit-Limit"] = "theirs", ["X-RateLimit-Remaining"] = "theirs" };

    [Fact]
    public void They_tell_of_the_limit_with_the_fewest_tokens_left()
    {
        var wide = Legacy(Limits.Of(1000, 10, 1, "wide"), Limits.Of(30, 1, 2, "day"));
        var narrow = Legacy(Limits.Of(40, 1, 1, "narrow")) with { Name = "other" };
        LegacyFields.Write(_headers, _store.Ask(12, "acme", wide, narrow));

        Assert.Equal("30", _headers["X-RateLimit-Limit"]);
        Assert.Equal("18", _headers["X-RateLimit-Remaining"]);
        Assert.Equal("24", _headers["X-RateLimit-Reset"]);
    }

    [Fact]
    public void A_policy_that_is_not_mentioned_has_no_part_in_them()
    {
        var wide = Legacy(Limits.Of(1000, 10, 1, "wide"));
        var quiet = Legacy(Limits.Of(5, 1, 1, "quiet")) with { Name = "quiet", Headers = RateLimitHeaders.Draft };
        var shadow = Legacy(Limits.Of(5, 1, 1, "shadow")) with { Name = "shadow", Mode = RateLimitMode.Shadow };
        LegacyFields.Write(_headers, _store.Ask("acme", wide, quiet, shadow));

        Assert.Equal("1000", _headers["X-RateLimit-Limit"]);
    }

    [Fact]
    public void Without_a_known_level_the_upstream_s_go_all_the_same()
    {
        var verdict = Limits.Verdict(50, [Limits.Take(Legacy(Limits.Of(5, 1, 1)), "acme")]);
        Assert.True(verdict.RefuseWhatCanNeverBe());
        LegacyFields.Write(_headers, verdict);

        Assert.Empty(_headers);
    }

    private static RateLimitPolicy Legacy(params Limit[] limits) => Limits.Policy([.. limits]) with { Headers = RateLimitHeaders.Legacy };
}
