using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

/// <summary>What a decision costs the garbage collector.</summary>
public sealed class AllocationTests
{
    private const int Rounds = 1000;

    /// <summary>Size in bytes of the verdict, the one object that a limited request makes.</summary>
    private const int Verdict = 200;

    [Fact]
    public void A_decision_from_memory_makes_one_object()
    {
        var store = new MemoryBucketStore(new ManualTime());
        var take = Limits.Take(Limits.Policy(Limits.Of(1_000_000, 1, 3600)), "acme");

        Assert.InRange(BytesOf(() =>
        {
            var verdict = new RateLimitVerdict(1);
            verdict.Takes[0] = take;
            Assert.True(store.TryTake(verdict) && verdict.Admitted);
        }), 1, Verdict);
    }

    [Fact]
    public void A_route_without_limits_makes_none()
    {
        var limits = new RateLimitMiddleware(_ => Task.CompletedTask, new MemoryBucketStore(new ManualTime()), null!, null!, null!);
        var edge = new EdgeContext(null!, "id", 0);
        edge.Match(null!, new RouteSettings { RouteId = "free", ClusterId = "up" });
        var context = new DefaultHttpContext();
        context.Features.Set(edge);

        Assert.Equal(0, BytesOf(() => _ = limits.Invoke(context)));
    }

    private static long BytesOf(Action work)
    {
        work();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            work();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / Rounds;
    }
}
