using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Shedding;

/// <summary>Looks at the process ten times a second, on a thread of its own: one of the pool would wait with the others.</summary>
internal sealed class OverloadWorker(Overload overload, RequestMetrics requests, Revisions revisions, TimeProvider time)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1) / PoolDelay.Samples;

    /// <summary>A collection in the background ends some time after it was counted.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly PoolDelay _delay = new(time);
    private Thread? _thread;
    private readonly HeapReading _heap = new();
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
            if (!overload.HasBegun)
            {
                continue;
            }

            var options = revisions.Current.Edge.Overload;
            var now = time.GetElapsedTime(0);
            var inFlight = options.RequestsInFlight is null ? 0 : requests.TotalInFlight;
            overload.Read(options, new ProcessReading(inFlight, ReadMemory(options, now), _delay.Sample()), now);
        }
    }

    /// <summary>The heap is as large as the last collection left it: to look costs as much as all else here.</summary>
    private double ReadMemory(OverloadOptions options, TimeSpan now)
    {
        var collections = GC.CollectionCount(0);
        if (collections == _collections && now - _lookedAt < LookAgain)
        {
            return _memory;
        }

        (_collections, _lookedAt) = (collections, now);
        _memory = _heap.Read(HeapState.Now(), options, overload.Memory.Level, now);
        if (_heap.WantsCollection)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Default, blocking: false);
        }

        return _memory;
    }
}
