namespace EdgeProxy.Shedding;

/// <summary>A bound on what is under way as the admin API shows it, and how full it is.</summary>
/// <param name="InUse">Requests, streams and WebSockets that count against Max now.</param>
/// <param name="Queued">Requests that wait now.</param>
internal sealed record GateView(int? Max, int? MaxPerDestination, int Queue, TimeSpan QueueTimeout, int InUse, int Queued)
{
    public static GateView? Of(Gate? gate) => gate is null
        ? null
        : new GateView(
            gate.Bounds.Max, gate.Bounds.MaxPerDestination, gate.Bounds.Queue, gate.Bounds.QueueTimeout, gate.Inside, gate.Waiting);
}
