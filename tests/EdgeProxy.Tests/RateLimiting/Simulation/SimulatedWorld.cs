namespace EdgeProxy.Tests.RateLimiting.Simulation;

/// <summary>What happens, one after the other, at the times at which it does. Nothing else makes time pass.</summary>
internal sealed class SimulatedWorld
{
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private long _order;

    public ManualTime Time { get; } = new();

    public long Now => Time.Micros;

    public void In(long micros, Action happens) => _events.Enqueue(happens, (Now + micros, _order++));

    public void RunUntil(long end)
    {
        while (_events.TryPeek(out var happens, out var when) && when.At <= end)
        {
            _events.Dequeue();
            Time.Micros = Math.Max(Now, when.At);
            happens();
        }

        Time.Micros = end;
    }
}
