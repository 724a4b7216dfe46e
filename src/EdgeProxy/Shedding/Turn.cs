namespace EdgeProxy.Shedding;

/// <summary>How waiting at a gate has ended.</summary>
internal enum TurnEnd
{
    Entered,

    /// <summary>The time to wait ran out.</summary>
    TimedOut,

    /// <summary>The client went away, or the request's own time ran out.</summary>
    GivenUp,
}

/// <summary>A request in front of a gate.</summary>
internal class Turn
{
    private readonly TaskCompletionSource<TurnEnd> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when its waiting does.</summary>
    public Task<TurnEnd> Ended => _end.Task;

    /// <summary>The gate in whose queue it is or was; null before.</summary>
    public Gate? Gate { get; set; }

    /// <summary>Where it stands in the queue; null when it does not. The gate's own, under its lock.</summary>
    public LinkedListNode<Turn>? Place { get; set; }

    /// <summary>
    /// Takes what it needs besides the gate's room; false: that is not to be had now. Called by whoever makes room, one at a time.
    /// </summary>
    public virtual bool Take() => true;

    public void End(TurnEnd end) => _end.TrySetResult(end);

    public void Fail(Exception exception) => _end.TrySetException(exception);

    /// <summary>Leaves the queue; without effect when it is no longer in it.</summary>
    public void Leave(TurnEnd end) => Gate?.Remove(this, end);
}
