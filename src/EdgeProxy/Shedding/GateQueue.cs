using System.Diagnostics.Metrics;
using EdgeProxy.Errors;
using EdgeProxy.Metrics;

namespace EdgeProxy.Shedding;

/// <summary>Waits in front of gates, and says how a request fails that does not get in.</summary>
internal sealed class GateQueue
{
    /// <summary>Seconds that a client is asked to stay away.</summary>
    public const int RetryAfter = 1;

    private readonly TimeProvider _time;
    private readonly Histogram<double> _wait;

    public GateQueue(IMeterFactory meters, TimeProvider time)
    {
        _time = time;
        _wait = meters.CreateEdgeMeter().CreateHistogram(
            "edgeproxy_queue_wait_seconds", "s", "Time that a request waited at a bound of `Concurrency`.", advice: EdgeMeter.Durations);
    }

    /// <summary>For a request that did not get in at once. False: it has failed, and its failure is set.</summary>
    public async ValueTask<bool> WaitAsync(Gate gate, GateWaiter waiter, HttpContext context)
    {
        gate.Uploads.MakeRoom(context.Edge().Client, gate.Bounds, gate.Waiting + 1, _time.GetElapsedTime(0));
        if (!gate.TryQueue(waiter))
        {
            context.Fail(EdgeErrors.ConcurrencyLimit, RetryAfter);
            return false;
        }

        var edge = context.Edge();
        var began = _time.GetTimestamp();
        WaitOutcome outcome;
        using (_time.CreateTimer(
            static state => ((GateWaiter)state!).StopWaiting(WaitOutcome.TimedOut),
            waiter, gate.Bounds.QueueTimeout, Timeout.InfiniteTimeSpan))
        using (gate.Uploads.IsEmpty ? null : _time.CreateTimer(_ => MakeRoom(gate, edge), null, GateUploads.Slow, GateUploads.Slow))
        using (context.RequestAborted.UnsafeRegister(static state => ((GateWaiter)state!).StopWaiting(WaitOutcome.GivenUp), waiter))
        {
            outcome = await waiter.Outcome;
        }

        var waited = _time.GetTimestamp() - began;
        edge.QueuedTicks += waited;
        var route = new KeyValuePair<string, object?>("route", edge.Route?.RouteId ?? EdgeMeter.NoRoute);
        _wait.Record((double)waited / _time.TimestampFrequency, route);
        switch (outcome)
        {
            case WaitOutcome.TimedOut:
                context.Fail(EdgeErrors.QueueTimeout, RetryAfter);
                return false;
            case WaitOutcome.GivenUp:
                context.Fail(context.IsPastDeadline() ? EdgeErrors.DeadlineExceeded : EdgeErrors.ClientDisconnected);
                return false;
            default:
                return true;
        }
    }

    private void MakeRoom(Gate gate, EdgeContext edge) =>
        gate.Uploads.MakeRoom(edge.Client, gate.Bounds, gate.Waiting, _time.GetElapsedTime(0));
}
