using System.Diagnostics;
using EdgeProxy.RateLimiting;

namespace Decisions;

/// <summary>One kind of decision, again and again on one thread.</summary>
internal static class Bench
{
    public static BucketTake Take(RateLimitPolicy policy, LimitSet? limits) => new()
    {
        Policy = policy,
        Limits = limits,
        Name = new BucketName(policy, BucketName.Known, "acme"),
    };

    public static async Task<string> RunAsync(string name, IBucketStore store, BucketTake take, DecisionSource kind, int rounds)
    {
        var verdict = new RateLimitVerdict(1);
        await LoopAsync(store, verdict, take, kind, rounds / 2); // until it is compiled, and the lease has grown
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var clock = Stopwatch.StartNew();
        var so = await LoopAsync(store, verdict, take, kind, rounds);
        var nanoseconds = clock.Elapsed.TotalNanoseconds / rounds;
        var bytes = (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / rounds;
        return $"| {name} | {nanoseconds:F0} | {bytes:F2} | {100.0 * so / rounds:F2} % |";
    }

    /// <summary>How many were decided in the way that is to be measured.</summary>
    private static async Task<int> LoopAsync(IBucketStore store, RateLimitVerdict verdict, BucketTake take, DecisionSource kind, int rounds)
    {
        var so = 0;
        for (var left = rounds; left > 0; left--)
        {
            if (!Decide(store, verdict, take))
            {
                await store.TakeAsync(verdict);
            }

            so += verdict.Takes[0].Source == kind ? 1 : 0;
        }

        return so;
    }

    private static bool Decide(IBucketStore store, RateLimitVerdict verdict, in BucketTake take)
    {
        verdict.Takes[0] = take;
        return store.TryTake(verdict);
    }
}
