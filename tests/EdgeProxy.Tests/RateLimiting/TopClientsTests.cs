using EdgeProxy.Configuration;
using EdgeProxy.RateLimiting;
using EdgeProxy.Tests.Configuration;
using Xunit;

namespace EdgeProxy.Tests.RateLimiting;

public sealed class TopClientsTests
{
    private readonly ManualTime _time = new();
    private readonly RateLimitPolicy _policy = Limits.Policy(Limits.Of(3, 1, 3600));
    private readonly MemoryBucketStore _store;
    private readonly TopClients _top;

    public TopClientsTests()
    {
        _store = new MemoryBucketStore(_time);
        _top = new TopClients(_time, new Revisions(Configurations.Read(Configurations.Document()).Revision!));
    }

    [Fact]
    public void The_busiest_and_the_most_refused_are_found_among_many()
    {
        for (var i = 0; i < 20_000; i++)
        {
            Ask(i % 20 == 0 ? "heavy" : i % 50 == 1 ? "other" : $"rare-{i}");
        }

        var (busiest, refused) = _top.Of(_policy);
        Assert.Equal("client:heavy", busiest[0].Key);
        Assert.Equal(["client:heavy", "client:other"], refused.Select(key => key.Key));
        Assert.Equal(997, refused[0].Count);
        Assert.All(busiest, key => Assert.InRange(key.AtMostOthers, 0, key.Count - 1));
        Assert.InRange(busiest[0].Count, 1000, 1000 + busiest[0].AtMostOthers);
        Assert.Equal(TopKeys.Room, busiest.Count);
    }

    [Fact]
    public void What_was_seen_is_forgotten_after_two_minutes()
    {
        Ask("acme");
        _time.Micros += 60_000_000;
        Ask("acme");
        Assert.Equal(2, Assert.Single(_top.Of(_policy).Busiest).Count);

        _time.Micros += 60_000_000;
        Assert.Equal(1, Assert.Single(_top.Of(_policy).Busiest).Count);
        _time.Micros += 120_000_000;
        Assert.Empty(_top.Of(_policy).Busiest);
    }

    [Fact]
    public void Counting_a_known_key_allocates_nothing()
    {
        var verdict = _store.Ask("acme", _policy);
        _top.Note(verdict, _time.Micros);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10_000; i++)
        {
            _top.Note(verdict, _time.Micros);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100);
    }

    [Fact]
    public async Task Many_threads_count_together()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() =>
        {
            var verdict = _store.Ask($"client-{i}", _policy);
            for (var j = 0; j < 10_000; j++)
            {
                _top.Note(verdict, _time.Micros);
            }
        })));

        for (var i = 0; i < 4; i++)
        {
            Ask($"client-{i}"); // a thread that was paused while counting keeps others from being counted
        }

        var counts = _top.Of(_policy).Busiest.ToDictionary(key => key.Key, key => key.Count);
        Assert.Equal(4, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 1, 10_001));
    }

    private void Ask(string client) => _top.Note(_store.Ask(client, _policy), _time.Micros);
}
