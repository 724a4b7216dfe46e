namespace EdgeProxy.Resilience;

/// <summary>
/// A short answer whose head is here and whose rest does not come: it counts against its destination long before the route's time is
/// over, and goes on, since it may come yet.
/// </summary>
/// <param name="output">Where it goes; null: nowhere yet.</param>
internal sealed class OverdueAnswer(AttemptPass pass, WatchedOutput? output, Breakers breakers)
{
    private const int Waiting = 0;
    private const int Counted = 1;
    private const int Complete = 2;

    private int _state;

    public bool IsCounted => Volatile.Read(ref _state) == Counted;

    /// <summary>All of it came while it was held, perhaps just after it had counted.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>All of it is here: it counts no more.</summary>
    public void End()
    {
        IsWhole = true;
        Interlocked.CompareExchange(ref _state, Complete, Waiting);
    }

    /// <summary>Counts it, once, unless its client does not take what there is.</summary>
    public void Count()
    {
        if (output is not { IsWaiting: true } && Interlocked.CompareExchange(ref _state, Counted, Waiting) == Waiting)
        {
            breakers.Break(pass);
        }
    }
}
