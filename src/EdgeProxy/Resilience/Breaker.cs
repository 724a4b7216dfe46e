namespace EdgeProxy.Resilience;

internal enum BreakerState
{
    Closed,
    Open,
    HalfOpen,
    Recovering,
}

/// <summary>How long a breaker stays open, and how long it takes to recover.</summary>
/// <param name="Doubles">Twice as long each time; else the first length times the count.</param>
/// <param name="Jitter">Share by which chance lengthens or shortens it.</param>
internal sealed record OpenTimes(TimeSpan Base, TimeSpan Max, bool Doubles, double Jitter, TimeSpan RecoverOver)
{
    /// <param name="count">How many times it has opened without staying closed in between; from 1.</param>
    /// <param name="chance">From 0 up to 1.</param>
    public TimeSpan Of(int count, double chance)
    {
        var seconds = Base.TotalSeconds * (Doubles ? Math.Pow(2, count - 1) : count); // may be infinite
        return TimeSpan.FromSeconds(Math.Min(seconds, Max.TotalSeconds) * (1 - Jitter + (2 * Jitter * chance)));
    }
}

/// <summary>
/// A breaker: closed, open for a while, half-open with one probe at a time, then recovering. It knows nothing of clocks, counts or
/// requests; time and chance come with each call. Reading the state is free, changing it is for one caller at a time.
/// </summary>
internal sealed class Breaker(OpenTimes times)
{
    /// <summary>Successful probes that it takes to recover.</summary>
    public const int ProbesNeeded = 3;

    /// <summary>Share that is admitted when recovery begins.</summary>
    public const double FirstShare = 0.1;

    /// <summary>Least time from the start of one probe to the next.</summary>
    public static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(100);

    /// <summary>How long one probe keeps others out: it may wait for its client, or be meant to last.</summary>
    public static readonly TimeSpan LongestProbe = TimeSpan.FromSeconds(5);

    /// <summary>How long a probe that can be made again elsewhere is waited for, before one that cannot is taken.</summary>
    public static readonly TimeSpan PatienceForProbe = TimeSpan.FromSeconds(1);

    private volatile BreakerState _state;
    private TimeSpan _since;
    private TimeSpan _until;
    private TimeSpan? _lastProbe;
    private long _probingUntil;
    private int _successes;

    public BreakerState State => _state;

    /// <summary>Times it has opened without having stayed closed for long in between.</summary>
    public int Opens { get; private set; }

    /// <summary>A probe is under way, and not for so long that another had better be made.</summary>
    public bool IsProbing(TimeSpan now) => now.Ticks < Volatile.Read(ref _probingUntil);

    /// <summary>Time until it is half-open.</summary>
    public TimeSpan Remaining(TimeSpan now) => _state == BreakerState.Open && _until > now ? _until - now : TimeSpan.Zero;

    /// <summary>When time alone brings the next step; null when something has to happen first.</summary>
    public TimeSpan? Due => _state switch
    {
        BreakerState.Open => _until,
        BreakerState.Recovering => _since + times.RecoverOver,
        _ => null,
    };

    /// <summary>Share of requests that is admitted: all unless recovering.</summary>
    public double Share(TimeSpan now) => _state == BreakerState.Recovering
        ? Math.Clamp(FirstShare + ((1 - FirstShare) * (now - _since).TotalSeconds / times.RecoverOver.TotalSeconds), FirstShare, 1)
        : 1;

    /// <summary>Opens it, from whatever state but open.</summary>
    /// <param name="isDoubtful">It stays open no longer than the last time: one client may be behind it.</param>
    public void Trip(TimeSpan now, double chance, bool isDoubtful = false)
    {
        if (_state == BreakerState.Closed && now - _since >= times.Base * 10)
        {
            Opens = 0;
        }

        Opens = isDoubtful ? Math.Max(1, Opens) : Opens + 1;
        _until = now + times.Of(Opens, chance);
        Become(BreakerState.Open, now);
    }

    /// <summary>There is reason not to wait longer: if it is open, the next step is due.</summary>
    public void EndWait(TimeSpan now) => _until = _until < now ? _until : now;

    /// <summary>Closes it by an order, and forgets how often it has opened.</summary>
    public void Close(TimeSpan now)
    {
        Opens = 0;
        Become(BreakerState.Closed, now);
    }

    /// <summary>Takes the step that time alone brings, if one is due.</summary>
    public bool Advance(TimeSpan now)
    {
        if (_state == BreakerState.Open && now >= _until)
        {
            Become(BreakerState.HalfOpen, now);
            return true;
        }

        if (_state == BreakerState.Recovering && now - _since >= times.RecoverOver)
        {
            Become(BreakerState.Closed, now);
            return true;
        }

        return false;
    }

    /// <summary>A probe may begin: it is half-open, and none is under way that began lately.</summary>
    /// <param name="canWait">The request could go elsewhere, and not come back from here: it had better not be the probe.</param>
    public bool MayProbe(TimeSpan now, bool canWait)
    {
        var patience = canWait ? PatienceForProbe : BetweenProbes;
        return _state == BreakerState.HalfOpen && !IsProbing(now)
            && now - (_lastProbe ?? (canWait ? _since : TimeSpan.MinValue / 2)) >= patience;
    }

    /// <summary>Begins the probe that may.</summary>
    public void BeginProbe(TimeSpan now)
    {
        _lastProbe = now;
        Volatile.Write(ref _probingUntil, (now + LongestProbe).Ticks);
    }

    /// <summary>A probe has ended. True: it was one success too few before, and recovery begins.</summary>
    public bool EndProbe(Verdict verdict, TimeSpan now)
    {
        Volatile.Write(ref _probingUntil, 0);
        if (verdict is Verdict.Success or Verdict.Alive && ++_successes >= ProbesNeeded)
        {
            Become(BreakerState.Recovering, now);
            return true;
        }

        return false;
    }

    /// <summary>A probe has failed where opening again is out of the question: what succeeded before counts no more.</summary>
    public void ForgetSuccesses() => _successes = 0;

    private void Become(BreakerState state, TimeSpan now)
    {
        (_since, _successes, _lastProbe) = (now, 0, null);
        Volatile.Write(ref _probingUntil, 0);
        _state = state;
    }
}
