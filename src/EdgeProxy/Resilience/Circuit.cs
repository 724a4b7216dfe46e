using System.Globalization;
using EdgeProxy.Configuration;

namespace EdgeProxy.Resilience;

/// <summary>A breaker with the counts that open it. A change of settings makes another one.</summary>
internal sealed class Circuit(BreakerSettings settings, OpenTimes times)
{
    /// <summary>How long nobody looks again after opening was out of the question.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly OutcomeWindow _window = new(settings.Window);
    private int _inRow;
    private volatile bool _isAnswering;
    private int _epoch;
    private long _notBefore;

    public BreakerSettings Settings => settings;

    public OpenTimes Times => times;

    public Breaker Breaker { get; } = new(times);

    /// <summary>Goes up with each change of state: what began before a change says nothing after it.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>Why it opened last; null before.</summary>
    public string? Reason { get; private set; }

    /// <summary>What opened it last brought no answer: a probe of its health that is answered says that this is over.</summary>
    public bool IsCutOff { get; private set; }

    /// <summary>Opens it, and begins to count anew.</summary>
    public void Open(string reason, TimeSpan now, double chance)
    {
        Reason = reason;
        IsCutOff = Volatile.Read(ref _inRow) > 0 && !_isAnswering;
        Breaker.Trip(now, chance);
        Clear();
    }

    public void Count(Verdict verdict, TimeSpan now)
    {
        if (verdict >= Verdict.HardFailure)
        {
            _isAnswering = verdict == Verdict.HardFailure;
            Interlocked.Increment(ref _inRow);
        }
        else if (verdict != Verdict.None && Volatile.Read(ref _inRow) != 0)
        {
            Volatile.Write(ref _inRow, 0);
        }

        if (verdict >= Verdict.Success)
        {
            _window.Add(now, verdict != Verdict.Success);
        }
    }

    /// <summary>An answer that had begun well broke off.</summary>
    public void Amend(TimeSpan now) => _window.Amend(now);

    /// <summary>Why it ought to be open; null when it ought not.</summary>
    public string? Complaint(TimeSpan now)
    {
        if (Volatile.Read(ref _inRow) is var row && row >= settings.ConsecutiveFailures)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{row} failures in a row");
        }

        var (total, failures) = _window.Read(now);
        return total >= settings.MinimumRequests && failures >= settings.FailureRatio * total
            ? string.Create(CultureInfo.InvariantCulture, $"{failures} of {total} requests failed within {settings.Window.TotalSeconds} s")
            : null;
    }

    /// <summary>Somebody has looked a moment ago, and nothing could be done.</summary>
    public bool IsPutOff(TimeSpan now) => now.Ticks < Volatile.Read(ref _notBefore);

    public void PutOff(TimeSpan now) => Volatile.Write(ref _notBefore, (now + LookAgain).Ticks);

    /// <summary>Begins to count anew.</summary>
    public void Clear()
    {
        Interlocked.Increment(ref _epoch);
        _window.Clear();
        Volatile.Write(ref _inRow, 0);
        Volatile.Write(ref _notBefore, 0);
    }
}
