namespace EdgeProxy.RateLimiting;

/// <summary>Arithmetic of one bucket: refilled when looked at, never by a timer. Not thread-safe.</summary>
internal sealed class TokenBucket(Limit limit, long now)
{
    private double _tokens = limit.Capacity;
    private long _refilledAt = now;

    /// <summary>Brings the bucket up to <paramref name="now"/>, in ticks of 100 ns.</summary>
    public double LevelAt(long now)
    {
        var elapsed = Math.Max(0, now - _refilledAt);
        _tokens = Math.Min(limit.Capacity, _tokens + ((double)elapsed * limit.Refill / limit.Every.Ticks));
        _refilledAt = Math.Max(now, _refilledAt);
        return _tokens;
    }

    public void Take() => _tokens -= 1;

    /// <summary>How long until one whole token is there.</summary>
    public TimeSpan UntilNextToken => TimeSpan.FromTicks((long)Math.Ceiling((1 - _tokens) * limit.Every.Ticks / limit.Refill));
}
