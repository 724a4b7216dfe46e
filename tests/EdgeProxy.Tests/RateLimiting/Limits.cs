using System.Collections.Immutable;
using EdgeProxy.RateLimiting;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>Short ways to say a policy and to ask a store.</summary>
internal static class Limits
{
    public static Limit Of(long capacity, long refill, double seconds, string name = "sec") =>
        new(name, capacity, refill, TimeSpan.FromSeconds(seconds));

    public static RateLimitPolicy Policy(params ImmutableArray<Limit> limits) => new() { Name = "standard", Limits = limits };

    public static RateLimitVerdict Ask(this MemoryBucketStore store, string client, params RateLimitPolicy[] policies)
    {
        var verdict = Verdict([.. policies.Select(policy => Take(policy, client))]);
        Xunit.Assert.True(store.TryTake(verdict));
        return verdict;
    }

    public static RateLimitVerdict Ask(this MemoryBucketStore store, long cost, string client, params RateLimitPolicy[] policies)
    {
        var verdict = Verdict(cost, [.. policies.Select(policy => Take(policy, client))]);
        Xunit.Assert.True(verdict.RefuseWhatCanNeverBe() || store.TryTake(verdict));
        return verdict;
    }

    public static RateLimitVerdict Verdict(params ReadOnlySpan<BucketTake> takes) => Verdict(1, takes);

    public static RateLimitVerdict Verdict(long cost, ReadOnlySpan<BucketTake> takes)
    {
        var verdict = new RateLimitVerdict(takes.Length, cost * Rate.Token);
        takes.CopyTo(verdict.Takes);
        return verdict;
    }

    public static BucketTake Take(RateLimitPolicy policy, string client) => new()
    {
        Policy = policy,
        Limits = policy.Set,
        Name = new BucketName(policy, 'k', client),
    };

    public static int AdmittedOf(this MemoryBucketStore store, int requests, string client, params RateLimitPolicy[] policies) =>
        Enumerable.Range(0, requests).Count(_ => store.Ask(client, policies).Admitted);

    /// <summary>Whole tokens left under the first limit of a verdict's policy.</summary>
    public static long Left(this RateLimitVerdict verdict, int policy = 0, int limit = 0) =>
        verdict.Takes[policy].Levels[limit] / Rate.Token;
}
