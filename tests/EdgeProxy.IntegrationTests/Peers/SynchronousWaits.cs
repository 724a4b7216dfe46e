using System.Collections.Concurrent;
using System.Diagnostics.Tracing;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>
/// Threads of the pool that the way to the store blocks: each time that one waits for a task, while requests wait for a thread. The
/// platform tells of each wait on the thread that begins it, so that its stack says whose it is.
/// </summary>
internal sealed class SynchronousWaits : EventListener
{
    private const string Tasks = "System.Threading.Tasks.TplEventSource";
    private const int WaitBegins = 10;
    private const int BehaviourAt = 3;
    private const int Synchronous = 1;

    private readonly ConcurrentQueue<string> _seen = new();

    public IReadOnlyCollection<string> Seen => _seen;

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Tasks)
        {
            EnableEvents(eventSource, EventLevel.Informational, (EventKeywords)2); // the life of tasks
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventId == WaitBegins && eventData.Payload?[BehaviourAt] is Synchronous && Thread.CurrentThread.IsThreadPoolThread
            && Environment.StackTrace is var stack && (stack.Contains("StackExchange.Redis", StringComparison.Ordinal)
                || stack.Contains("EdgeProxy.Redis", StringComparison.Ordinal)))
        {
            _seen.Enqueue(stack);
        }
    }
}
