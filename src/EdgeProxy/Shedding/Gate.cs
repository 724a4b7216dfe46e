using EdgeProxy.Configuration;

namespace EdgeProxy.Shedding;

/// <summary>
/// How many may be inside at once, and how many wait in front, first come, first served. Who enters leaves, once. While there is
/// room and nobody waits, entering is one exchange of a number and leaving another; the lock is for the queue. It knows no clock:
/// whoever waits is taken out by <see cref="Remove"/> when its time is over.
/// </summary>
internal sealed class Gate(ConcurrencySettings bounds)
{
    private readonly Lock _queueing = new();
    private readonly LinkedList<GateWaiter> _queue = new();
    private volatile ConcurrencySettings _bounds = bounds;
    private int _inside;
    private int _waiting;

    public ConcurrencySettings Bounds => _bounds;

    /// <summary>Those that have entered and not left.</summary>
    public int Inside => Volatile.Read(ref _inside);

    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Those inside whose bodies still arrive.</summary>
    public GateUploads Uploads { get; } = new();

    /// <summary>Other bounds, for all that come and for those that wait. Nobody who is inside or waits is turned away by them.</summary>
    public void Apply(ConcurrencySettings bounds)
    {
        _bounds = bounds;
        AdmitWaiters();
    }

    /// <summary>Enters if there is room, nobody waits, and the waiter gets what it needs besides. Who has entered must leave.</summary>
    public bool TryEnter(GateWaiter? waiter = null)
    {
        if (Waiting > 0 || !TryCount())
        {
            return false;
        }

        var taken = false;
        try
        {
            taken = waiter is null || waiter.TryTake();
        }
        finally
        {
            if (!taken)
            {
                Leave();
            }
        }

        return taken;
    }

    /// <summary>
    /// Stands at the queue's end, if there is room in it, or an upload is about to give way. Its turn may have come when this returns.
    /// </summary>
    public bool TryQueue(GateWaiter waiter)
    {
        lock (_queueing)
        {
            if (_queue.Count >= _bounds.Queue + Uploads.Leaving)
            {
                return false;
            }

            (waiter.Gate, waiter.Node) = (this, _queue.AddLast(waiter));
            Interlocked.Increment(ref _waiting); // before looking: who leaves after this sees it
            AdmitLocked();
            return true;
        }
    }

    public void Leave()
    {
        Interlocked.Decrement(ref _inside);
        AdmitWaiters();
    }

    /// <summary>There may be room: lets in those that wait, in their order, as long as there is.</summary>
    public void AdmitWaiters()
    {
        if (Waiting > 0)
        {
            lock (_queueing)
            {
                AdmitLocked();
            }
        }
    }

    /// <summary>The same, soon: for callers that hold a lock of their own.</summary>
    public void AdmitWaitersSoon()
    {
        if (Waiting > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static gate => gate.AdmitWaiters(), this, preferLocal: false);
        }
    }

    /// <summary>Takes a waiter out of the queue; without effect when it has entered already.</summary>
    public void Remove(GateWaiter waiter, WaitOutcome outcome)
    {
        lock (_queueing)
        {
            if (waiter.Node is { } node)
            {
                Drop(node);
                waiter.Complete(outcome);
            }
        }
    }

    private void AdmitLocked()
    {
        while (_queue.First is { } first && TryCount())
        {
            try
            {
                if (!first.Value.TryTake())
                {
                    Interlocked.Decrement(ref _inside);
                    return;
                }

                Drop(first);
                first.Value.Complete(WaitOutcome.Entered);
            }
            catch (Exception exception)
            {
                // A bug, and the waiting request's: not of the one that is just leaving.
                Interlocked.Decrement(ref _inside);
                Drop(first);
                first.Value.Fail(exception);
            }
        }
    }

    private void Drop(LinkedListNode<GateWaiter> node)
    {
        _queue.Remove(node);
        node.Value.Node = null;
        Interlocked.Decrement(ref _waiting);
    }

    private bool TryCount() => BoundedCount.TryIncrement(ref _inside, _bounds.Max ?? int.MaxValue);
}
