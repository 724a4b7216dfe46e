namespace EdgeProxy.Resilience;

/// <summary>
/// When an HTTP/2 connection is pinged, and when it is dead. Soon while a response is waited for and nothing comes; else seldom, since
/// gRPC servers end connections that are pinged more often than they send.
/// </summary>
internal sealed class Http2Liveness(PingPace pace)
{
    private TimeSpan _busySince;
    private TimeSpan _pingAt;
    private bool _isPinging;
    private int _pings; // since the last frame of a response
    private int _own;

    /// <summary>When the last frame came.</summary>
    public TimeSpan HeardAt { get; private set; }

    /// <param name="isFirst">No other stream is open.</param>
    public void Opened(TimeSpan now, bool isFirst) => _busySince = isFirst ? now : _busySince;

    public void Heard(TimeSpan now, bool isResponse)
    {
        (HeardAt, _isPinging) = (now, false);
        if (isResponse)
        {
            (_pings, _own) = (0, 0);
        }
    }

    /// <summary>The platform's client pings too, to measure the way.</summary>
    public void PingSent() => _pings++;

    /// <summary>
    /// No ping may be sent for long, and a stream that was opened since a frame came has waited for as long as one should.
    /// </summary>
    public bool IsDoubtful(TimeSpan now, TimeSpan newestWaiting) =>
        _pings >= PingPace.SoonMax && newestWaiting > HeardAt && now - newestWaiting >= pace.Delay;

    /// <param name="open">Streams that are open.</param>
    /// <param name="waitingSince">When the one was opened that has waited longest for a response to begin; null: none does.</param>
    /// <returns>What to do, and when to ask again; null: when a stream is opened.</returns>
    public (Http2Step Step, TimeSpan? Again) Next(TimeSpan now, int open, TimeSpan? waitingSince)
    {
        if (open == 0 && !_isPinging)
        {
            return (Http2Step.None, null);
        }

        if (_isPinging)
        {
            var dead = _pingAt + pace.Timeout;
            return now >= dead ? (Http2Step.GiveUp, null) : (Http2Step.None, dead - now);
        }

        var due = waitingSince is { } since && _pings < PingPace.SoonMax
            ? Later(Later(HeardAt, since), _own == 0 ? TimeSpan.Zero : _pingAt) + (pace.Delay * (1 << _own))
            : Later(Later(HeardAt, _busySince), _pingAt) + PingPace.Seldom;
        if (now < due)
        {
            // A response that begins to be waited for meanwhile has a delay of its own.
            return (Http2Step.None, due - now < pace.Delay / 2 ? due - now : pace.Delay / 2);
        }

        (_isPinging, _pingAt, _own, _pings) = (true, now, Math.Min(_own + 1, PingPace.SoonMax), _pings + 1);
        return (Http2Step.Ping, pace.Timeout);
    }

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;
}

/// <summary>What a connection needs.</summary>
internal enum Http2Step
{
    None,

    /// <summary>A ping, to see whether it is alive.</summary>
    Ping,

    /// <summary>To be closed: it is dead.</summary>
    GiveUp,
}
