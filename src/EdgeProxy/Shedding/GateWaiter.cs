namespace EdgeProxy.Shedding;

/// <summary>How waiting at a gate has ended.</summary>
internal enum WaitOutcome
{
    Entered,

    /// <summary>The time to wait ran out.</summary>
    TimedOut,

    /// <summary>The client went away, or the request's own time ran out.</summary>
    GivenUp,
}

/// <summary>A request in front of a gate.</summary>
internal class GateWaiter
{
    private readonly TaskCompletionSource<WaitOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when its waiting ends.</summary>
    public Task<WaitOutcome> Outcome => _outcome.Task;

    /// <summary>The gate in whose queue it is or was; null before.</summary>
    public Gate? Gate { get; set; }

    /// <summary>Where it stands in the queue; null when it does not. The gate's own, under its lock.</summary>
    public LinkedListNode<GateWaiter>? Node { get; set; }

    /// <summary>
    /// Takes what it needs besides the gate's room; false: that is not to be had now. Called by whoever makes room, one at a time.
    /// </summary>
    public virtual bool TryTake() => true;

    public void Complete(WaitOutcome outcome) => _outcome.TrySetResult(outcome);

    public void Fail(Exception exception) => _outcome.TrySetException(exception);

    /// <summary>Leaves the queue; without effect when it is no longer in it.</summary>
    public void StopWaiting(WaitOutcome outcome) => Gate?.Remove(this, outcome);
}
