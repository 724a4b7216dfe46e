using System.Collections.Concurrent;
using System.Diagnostics;

namespace EdgeProxy.IntegrationTests.RateLimiting;

/// <summary>
/// What the machine itself costs while a test runs, measured without any of the product: once a millisecond, how late a
/// thread that waits gets its turn, and how long the thread pool takes until it begins what it is given.
/// </summary>
internal sealed class Turns : IDisposable
{
    private readonly ConcurrentQueue<(long From, long To, double Late)> _threads = [];
    private readonly ConcurrentQueue<(long From, long To, double Late)> _pool = [];
    private readonly ManualResetEvent _stopped = new(false);
    private readonly Thread _thread;

    public Turns()
    {
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>The longest delays that overlapped with a time, in milliseconds: of a thread, and of the pool after it.</summary>
    public double Late(long from, long to) => Longest(_threads, from, to) + Longest(_pool, from, to);

    public void Dispose()
    {
        _stopped.Set();
        _thread.Join();
        _stopped.Dispose();
    }

    private static double Longest(IEnumerable<(long From, long To, double Late)> delays, long from, long to) =>
        delays.Where(delay => delay.From <= to && delay.To >= from).Select(delay => delay.Late).DefaultIfEmpty().Max();

    private void Run()
    {
        for (var from = Stopwatch.GetTimestamp(); !_stopped.WaitOne(1); from = Stopwatch.GetTimestamp())
        {
            var woken = Stopwatch.GetTimestamp();
            _threads.Enqueue((from, woken, Math.Max(0, Stopwatch.GetElapsedTime(from, woken).TotalMilliseconds - 1)));
            ThreadPool.UnsafeQueueUserWorkItem(_ =>
            {
                var begun = Stopwatch.GetTimestamp();
                _pool.Enqueue((woken, begun, Stopwatch.GetElapsedTime(woken, begun).TotalMilliseconds));
            }, null);
        }
    }
}
