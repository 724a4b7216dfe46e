using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>A request that waits for the store to decide, but not for longer than the deadline of all calls.</summary>
internal sealed class LeaseWaiter(long cost, long startedAt) : StoreCall(startedAt), IThreadPoolWorkItem
{
    private readonly TaskCompletionSource<LeaseAnswer> _answer = new();
    private LeaseAnswer _outcome;

    public long Cost { get; } = cost;

    /// <summary>Ends with <see cref="LeaseAnswer.Unknown"/> when the store did not answer in time.</summary>
    public Task<LeaseAnswer> Answer => _answer.Task;

    /// <summary>What is left, when the answer is known.</summary>
    public Levels Levels { get; private set; }

    public DecisionSource Source { get; private set; } = DecisionSource.Store;

    /// <summary>Decides, unless the deadline has; the request goes on at <see cref="GoOn"/>.</summary>
    public bool TryDecide(LeaseAnswer outcome, in Levels levels, DecisionSource source)
    {
        if (!TrySettle())
        {
            return false;
        }

        _outcome = outcome;
        Levels = levels;
        Source = source;
        return true;
    }

    public void GoOn() => _answer.SetResult(_outcome);

    void IThreadPoolWorkItem.Execute() => GoOn();

    protected override void Missed()
    {
    }

    protected override void GiveUp() => GoOn();
}

/// <summary>What a node can say of a request by itself.</summary>
internal enum LeaseAnswer
{
    /// <summary>Nothing: the store has to be asked.</summary>
    Unknown,
    Admitted,
    Refused,
}
