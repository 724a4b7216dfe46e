using EdgeProxy.Redis;

namespace EdgeProxy.RateLimiting;

/// <summary>A request that waits for the store to decide, but not for longer than the deadline of all calls.</summary>
internal sealed class LeaseWaiter(long cost, long startedAt) : StoreCall(startedAt)
{
    private readonly TaskCompletionSource<LeaseAnswer> _answer = new();
    private LeaseAnswer _outcome;
    private bool _isOwed;
    private bool _isDeclined;

    public long Cost { get; } = cost;

    /// <summary>Ends with <see cref="LeaseAnswer.Unknown"/> when the store did not answer in time.</summary>
    public Task<LeaseAnswer> Answer => _answer.Task;

    /// <summary>What is left, when the answer is known.</summary>
    public Levels Levels { get; private set; }

    /// <summary>A late answer has paid for it. Under the stripe's lock.</summary>
    public bool IsPaid { get; private set; }

    public DecisionSource Source { get; private set; } = DecisionSource.Store;

    /// <summary>Decides, unless the deadline has; the request goes on at <see cref="GoOn()"/>.</summary>
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

    /// <summary>Decides before anybody waits.</summary>
    public void GoOn(LeaseAnswer outcome, in Levels levels, DecisionSource source)
    {
        TryDecide(outcome, levels, source);
        GoOn();
    }

    /// <summary>
    /// It was admitted without the store. What is owed for it: nothing when a late answer has paid. Under the stripe's lock.
    /// </summary>
    public long Owe()
    {
        _isOwed = true;
        return IsPaid ? 0 : Cost;
    }

    /// <summary>It was refused without the store. What is to go back: what a late answer has paid. Under the stripe's lock.</summary>
    public long Decline()
    {
        _isDeclined = true;
        return IsPaid ? Cost : 0;
    }

    /// <summary>A late answer pays for it. What had been owed for it, or what is to go back. Under the stripe's lock.</summary>
    public (long Owed, long Back) Pay()
    {
        IsPaid = true;
        return (_isOwed ? Cost : 0, _isDeclined ? Cost : 0);
    }

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
