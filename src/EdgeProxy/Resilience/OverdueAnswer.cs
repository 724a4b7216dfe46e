namespace EdgeProxy.Resilience;

/// <summary>
/// A short answer whose head is here and whose rest does not come: it counts against its destination long before the route's time is
/// over, and goes on, since it may come yet.
/// </summary>
/// <param name="output">Where it goes; null: nowhere yet.</param>
internal sealed class OverdueAnswer(AttemptPass pass, WatchedOutput? output, Breakers breakers)
{
    private int _isCounted;

    public bool IsCounted => Volatile.Read(ref _isCounted) != 0;

    /// <summary>Counts it, once, unless its client does not take what there is.</summary>
    public void Count()
    {
        if (output is not { IsWaiting: true } && Interlocked.Exchange(ref _isCounted, 1) == 0)
        {
            breakers.Break(pass);
        }
    }
}
