namespace EdgeProxy.Configuration;

/// <summary>
/// Somebody wants the configuration read although its files look the same: what was refused may be right by now, since variables aside
/// it depends on files beside it, such as certificates.
/// </summary>
internal sealed class RereadRequests
{
    private Action? _added;
    private int _pending;

    /// <summary>To be called when one is added; on whatever thread that happens.</summary>
    public void OnAdded(Action added) => _added = added;

    public void Add()
    {
        Volatile.Write(ref _pending, 1);
        _added?.Invoke();
    }

    /// <summary>True once for all that were added since it was last asked.</summary>
    public bool Take() => Interlocked.Exchange(ref _pending, 0) == 1;
}
