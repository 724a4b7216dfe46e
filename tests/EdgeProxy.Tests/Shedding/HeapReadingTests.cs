using EdgeProxy.Configuration;
using EdgeProxy.Shedding;
using Xunit;

namespace EdgeProxy.Tests.Shedding;

/// <summary>When a reading of the heap is believed, and when a collection is asked for.</summary>
public sealed class HeapReadingTests
{
    private static readonly OverloadOptions Options = new();

    private readonly HeapReading _heap = new();
    private int _asked;

    [Fact]
    public void Level_3_holds_only_after_a_collection_of_all_generations()
    {
        Assert.InRange(Read(0.97, full: 1, level: 0, second: 1), 0.9, Math.BitDecrement(0.95));
        Assert.Equal(1, _asked);
        Assert.InRange(Read(0.97, full: 1, level: 2, second: 2), 0.9, Math.BitDecrement(0.95)); // not over yet
        Assert.Equal(1, _asked);
        Assert.Equal(0.97, Read(0.97, full: 2, level: 2, second: 3));
    }

    [Fact]
    public void Garbage_alone_asks_for_no_level()
    {
        Read(0.97, full: 1, level: 0, second: 1);
        Assert.Equal(0.3, Read(0.3, full: 2, level: 2, second: 2));
    }

    [Fact]
    public void A_heap_that_nobody_allocates_on_is_collected_every_ten_seconds_while_it_presses()
    {
        Read(0.87, full: 1, level: 1, second: 100);
        for (var second = 101; second <= 120; second++)
        {
            Read(0.87, full: 1, level: 1, second);
        }

        Assert.Equal(2, _asked);
        Read(0.5, full: 2, level: 0, second: 121);
        Read(0.5, full: 2, level: 0, second: 140);
        Assert.Equal(2, _asked);
    }

    private double Read(double share, long full, int level, double second)
    {
        var reading = _heap.Read(new HeapState(share, full), Options, level, TimeSpan.FromSeconds(second));
        _asked += _heap.WantsCollection ? 1 : 0;
        return reading;
    }
}
