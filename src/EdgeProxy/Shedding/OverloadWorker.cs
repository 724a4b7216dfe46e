using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Shedding;

/// <summary>Looks at the process ten times a second, on a thread of its own: one of the pool would wait with the others.</summary>
internal sealed class OverloadWorker(Overload overload, RequestMetrics requests, Revisions revisions, TimeProvider time)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1) / PoolDelay.Samples;

    /// <summary>While memory presses, and nobody allocates because all is refused, the heap is looked at again after so long.</summary>
    private static readonly TimeSpan CollectAgain = TimeSpan.FromSeconds(10);

    /// <summary>A collection in the background ends some time after it was counted.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly PoolDelay _delay = new(time);
    private Thread? _thread;
    private long _collection;
    private TimeSpan _collectedAt;
    private TimeSpan _lookedAt;
    private int _collections = -1;
    private double _memory;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "overload" };
        _thread.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stop.Set();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _stop.Set();
        _thread?.Join();
        _stop.Dispose();
    }

    private void Run()
    {
        while (!_stop.WaitOne(Step))
        {
            var options = revisions.Current.Edge.Overload;
            var now = time.GetElapsedTime(0);
            var inFlight = options.RequestsInFlight is null ? 0 : requests.TotalInFlight;
            overload.Read(options, new ProcessReading(inFlight, ReadMemory(now), _delay.Sample()), now);
        }
    }

    /// <summary>The heap is as large as the last collection left it: to look costs as much as all else here.</summary>
    private double ReadMemory(TimeSpan now)
    {
        var collections = GC.CollectionCount(0);
        if (collections == _collections && now - _lookedAt < LookAgain)
        {
            return _memory;
        }

        (_collections, _lookedAt) = (collections, now);
        var info = GC.GetGCMemoryInfo(GCKind.Any);
        if (info.Index != _collection)
        {
            (_collection, _collectedAt) = (info.Index, now);
        }
        else if (now - _collectedAt >= CollectAgain && overload.Worst is { Name: "memory" })
        {
            _collectedAt = now;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Default, blocking: false);
        }

        return _memory = info.TotalAvailableMemoryBytes > 0 ? (double)info.HeapSizeBytes / info.TotalAvailableMemoryBytes : 0;
    }
}
