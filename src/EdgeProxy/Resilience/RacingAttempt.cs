namespace EdgeProxy.Resilience;

/// <summary>One of two attempts at the same time: its own account, for what else stands in the request's context.</summary>
internal sealed class RacingAttempt(AttemptPass pass, CancellationToken cancellation) : IDisposable
{
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private volatile bool _isBeaten;

    public CancellationToken Token => _source.Token;

    public AttemptPass Pass { get; set; } = pass;

    /// <summary>Timestamp of its beginning; 0 before.</summary>
    public long StartedAt { get; set; }

    /// <summary>When its answer's head came, or it failed.</summary>
    public long HeadAt { get; set; }

    /// <summary>The other one has won: that this one ends without an answer says nothing.</summary>
    public bool IsBeaten => _isBeaten;

    public void GiveUp()
    {
        _isBeaten = true;
        _source.Cancel();
    }

    public void Dispose() => _source.Dispose();
}
