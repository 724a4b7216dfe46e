using System.Globalization;
using EdgeProxy.Configuration;

namespace EdgeProxy.Resilience;

/// <param name="Since">Null when it has never been anything else.</param>
/// <param name="Until">When time alone ends it; null when something has to happen first.</param>
/// <param name="Reason">Why it opened; null once it is closed again.</param>
internal sealed record CircuitStanding(BreakerState State, DateTimeOffset? Since, DateTimeOffset? Until, string? Reason);

/// <summary>A breaker with the counts that open it. A change of settings makes another one.</summary>
internal sealed class Circuit(BreakerSettings settings, OpenTimes times)
{
    /// <summary>How long nobody looks again after opening was out of the question.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly OutcomeWindow _window = new(settings.Window);
    private int _hardInRow;
    private int _inRow;
    private volatile bool _isAnswering;
    private int _epoch;
    private string? _reason;
    private volatile string? _lastFailure;
    private long _notBefore;

    public BreakerSettings Settings => settings;

    public OpenTimes Times => times;

    public Breaker Breaker { get; } = new(times);

    /// <summary>Goes up with each change of state: what began before a change says nothing after it.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>The state of the breaker as people are told of it, by the clock on the wall.</summary>
    public CircuitStanding Standing { get; private set; } = new(BreakerState.Closed, null, null, null);

    /// <summary>What opened it last brought no answer: a probe of its health that is answered says that this is over.</summary>
    public bool IsCutOff { get; private set; }

    /// <summary>Opens it, and begins to count anew.</summary>
    public void Open(string reason, TimeSpan now, double chance)
    {
        _reason = reason;
        IsCutOff = Volatile.Read(ref _hardInRow) > 0 && !_isAnswering;
        Breaker.Trip(now, chance);
        Clear();
    }

    /// <summary>To be called when the breaker has changed its state.</summary>
    /// <param name="now">What the breaker is told the time is…</param>
    /// <param name="today">…and what that is on the wall.</param>
    public void Stand(TimeSpan now, DateTimeOffset today) => Standing = new(
        Breaker.State,
        today,
        Breaker.Due is { } due ? today + (due - now) : null,
        Breaker.State == BreakerState.Closed ? null : _reason);

    /// <param name="failure">Which failure it was, for people; null when it was none.</param>
    /// <returns>Failures without doubt in a row that this ends: none, if it is not a success after all.</returns>
    public int Count(Verdict verdict, string? failure, TimeSpan now)
    {
        if (verdict == Verdict.None)
        {
            return 0;
        }

        var ended = verdict >= Verdict.HardFailure ? 0 : Volatile.Read(ref _hardInRow);
        if (verdict >= Verdict.HardFailure)
        {
            _isAnswering = verdict == Verdict.HardFailure;
            Interlocked.Increment(ref _hardInRow);
        }
        else if (ended != 0)
        {
            Volatile.Write(ref _hardInRow, 0);
        }

        if (verdict >= Verdict.Failure)
        {
            _lastFailure = failure;
            Interlocked.Increment(ref _inRow);
        }
        else if (Volatile.Read(ref _inRow) != 0)
        {
            Volatile.Write(ref _inRow, 0);
        }

        if (verdict >= Verdict.Success)
        {
            _window.Add(now, verdict != Verdict.Success);
        }

        return ended;
    }

    /// <summary>An answer that had begun well broke off: a failure without doubt, and it ended no row.</summary>
    /// <param name="ended">What <see cref="Count"/> returned when it began.</param>
    public void Amend(TimeSpan now, int ended)
    {
        _window.Amend(now);
        (_isAnswering, _lastFailure) = (true, AttemptEnd.ShortOfBytes);
        var row = Volatile.Read(ref _hardInRow);
        for (int seen; (seen = Interlocked.CompareExchange(ref _hardInRow, Math.Max(row, ended) + 1, row)) != row; row = seen)
        {
        }
    }

    /// <summary>Why it ought to be open; null when it ought not.</summary>
    public string? ReasonToOpen(TimeSpan now)
    {
        var (hard, any) = (Volatile.Read(ref _hardInRow), Volatile.Read(ref _inRow));
        if (hard >= settings.ConsecutiveFailures || any >= settings.MinimumRequests)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(hard, any)} failures in a row, the last: {_lastFailure}");
        }

        var (total, failures) = _window.Read(now);
        return total >= settings.MinimumRequests && failures >= settings.FailureRatio * total
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{failures} of {total} requests failed within {settings.Window.TotalSeconds} s, the last: {_lastFailure}")
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
        Volatile.Write(ref _hardInRow, 0);
        Volatile.Write(ref _inRow, 0);
        Volatile.Write(ref _notBefore, 0);
    }
}
