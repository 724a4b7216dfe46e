using Xunit;

namespace EdgeProxy.Tests;

public sealed class PoolTurnTests
{
    [Fact]
    public async Task It_comes_after_all_that_waits_for_the_pool()
    {
        const int Before = 10_000;
        var begun = 0;
        for (var i = 0; i < Before; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => Interlocked.Increment(ref begun), null);
        }

        await new PoolTurn();

        // Each thread of the pool may have taken up one that it has not begun.
        Assert.InRange(Volatile.Read(ref begun), Before - ThreadPool.ThreadCount, Before);
    }
}
