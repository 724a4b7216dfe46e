using System.Diagnostics;
using EdgeProxy.RateLimiting;

namespace Decisions;

/// <summary>What a node keeps of very many clients whose buckets are not full, and what that costs while nobody asks.</summary>
internal static class Crowd
{
    /// <summary>As often as the product looks after its leases.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    public static async Task<string> RunAsync(int clients, TimeSpan idle)
    {
        var policy = new RateLimitPolicy { Name = "day", Limits = [new Limit("day", 100, 100, TimeSpan.FromDays(1))] };
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var node = new LeaseNode(LeaseOptions.Default);
        for (var i = 0; i < clients; i++)
        {
            var name = new BucketName(policy, BucketName.Known, $"c{i}");
            var take = new BucketTake { Policy = policy, Limits = policy.Set, Name = name };
            take.Levels[0] = Rate.Token;
            node.Learn(take, now: 1_000_000);
        }

        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        var without = await IdleAsync(null, idle);
        var with = await IdleAsync(node, idle);
        return $"\n{node.Count} clients on one node: {bytes / 1e6:F0} MB, {(double)bytes / node.Count:F0} bytes each;\n"
            + $"idle for {idle.TotalSeconds:F0} s: {100 * with:F2} % of a core for the whole process, "
            + $"{100 * without:F2} % without the clients.";
    }

    /// <summary>The part of a core that this process takes.</summary>
    private static async Task<double> IdleAsync(LeaseNode? node, TimeSpan time)
    {
        using var process = Process.GetCurrentProcess();
        var (clock, busy) = (Stopwatch.StartNew(), process.TotalProcessorTime);
        using var timer = new PeriodicTimer(Tick);
        while (clock.Elapsed < time && await timer.WaitForNextTickAsync())
        {
            node?.Sweep(2_000_000);
        }

        process.Refresh();
        return (process.TotalProcessorTime - busy) / clock.Elapsed;
    }
}
