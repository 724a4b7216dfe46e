namespace EdgeProxy.Resilience;

/// <summary>
/// A short answer whose head is here and whose rest does not come: it counts against its destination long before the route's time is
/// over, and goes on, since it may come yet.
/// </summary>
internal sealed class OverdueAnswer(AttemptPass pass, WatchedOutput output, Breakers breakers)
{
    private volatile bool _isCounted;

    public bool IsCounted => _isCounted;

    /// <summary>Counts it, unless its client does not take what there is.</summary>
    public void Count()
    {
        if (!output.IsWaiting)
        {
            _isCounted = true;
            breakers.Break(pass);
        }
    }
}
