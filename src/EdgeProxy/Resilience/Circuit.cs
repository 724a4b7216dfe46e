using System.Globalization;
using EdgeProxy.Clients;
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

    private readonly FailureShare _share = new(settings.Window);
    private FailureRow? _hardRow;
    private FailureRow? _row;
    private volatile bool _isReachable;
    private int _epoch;
    private string? _reason;
    private volatile string? _lastFailure;
    private long _notBefore;

    public BreakerSettings Settings => settings;

    public OpenTimes Times => times;

    public Breaker Breaker { get; } = new(times);

    /// <summary>Whose requests are its probes. To be used under the lock of the cluster.</summary>
    public ProbeTurns Turns { get; } = new();

    /// <summary>Who asks matters, for successes too: there were failures lately.</summary>
    public bool AsksForClients => _share.AsksForClients;

    /// <summary>Goes up with each change of state: what began before a change says nothing after it.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>The state of the breaker as people are told of it, by the clock on the wall.</summary>
    public CircuitStanding Standing { get; private set; } = new(BreakerState.Closed, null, null, null);

    /// <summary>What opened it last no client can cause: a probe of its health that is answered says that this is over.</summary>
    public bool IsCutOff { get; private set; }

    /// <summary>Opens it, and begins to count anew.</summary>
    /// <param name="counted">Whose counts are the reason: a destination's may open its cluster's.</param>
    public void Open(string reason, TimeSpan now, double chance, Circuit? counted = null)
    {
        _reason = reason;
        IsCutOff = Volatile.Read(ref _hardRow) is not null && !_isReachable;
        var share = (counted ?? this)._share;
        Turns.Begin(share.Worst(now), Breaker.State == BreakerState.Closed, now);
        Breaker.Trip(now, chance, isDoubtful: Breaker.State != BreakerState.HalfOpen && !IsCutOff && share.AreManyAnonymous(now));
        Clear();
    }

    /// <summary>Closes it by an order, and begins to count anew.</summary>
    public void Close(TimeSpan now)
    {
        Breaker.Close(now);
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

    /// <param name="client">Whose request it was; may be null as <see cref="FailureShare.Add"/> says.</param>
    /// <param name="failure">Which failure it was, for people; null when it was none.</param>
    /// <returns>Failures without doubt in a row that this ends: none, if it is not a success after all.</returns>
    public FailureRow? Count(Verdict verdict, Client? client, string? failure, TimeSpan now)
    {
        if (verdict == Verdict.None)
        {
            return null;
        }

        var culprit = verdict == Verdict.Unreachable ? null : client ?? Client.Unknown;
        FailureRow? ended = null;
        if (verdict >= Verdict.HardFailure)
        {
            _isReachable = verdict == Verdict.HardFailure;
            Lengthen(ref _hardRow, null, culprit, now);
        }
        else if (Volatile.Read(ref _hardRow) is { } row)
        {
            ended = row;
            Volatile.Write(ref _hardRow, null);
        }

        if (verdict >= Verdict.Failure)
        {
            _lastFailure = failure;
            Lengthen(ref _row, null, culprit, now);
        }
        else if (Volatile.Read(ref _row) is not null)
        {
            Volatile.Write(ref _row, null);
        }

        if (verdict >= Verdict.Success)
        {
            _share.Add(verdict, client, now);
        }

        return ended;
    }

    /// <summary>An answer that had begun well broke off: a failure without doubt, and it ended no row.</summary>
    /// <param name="ended">What <see cref="Count"/> returned when it began.</param>
    public void Amend(TimeSpan now, Client client, FailureRow? ended)
    {
        _share.Amend(client, now);
        (_isReachable, _lastFailure) = (true, AttemptEnd.ShortOfBytes);
        Lengthen(ref _hardRow, ended, client, now);
    }

    /// <summary>Why it ought to be open; null when it ought not.</summary>
    public string? ReasonToOpen(TimeSpan now)
    {
        var (hard, any, ratio) = (Volatile.Read(ref _hardRow), Volatile.Read(ref _row), settings.FailureRatio);
        if (_share.IsMet(hard, settings.ConsecutiveFailures, ratio, now) || _share.IsMet(any, settings.MinimumRequests, ratio, now))
        {
            var length = Math.Max(hard?.Count ?? 0, any?.Count ?? 0);
            return string.Create(CultureInfo.InvariantCulture, $"{length} failures in a row, the last: {_lastFailure}");
        }

        return _share.Exceeds(ratio, settings.MinimumRequests, now) is var (total, failures)
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
        _share.Clear();
        Volatile.Write(ref _hardRow, null);
        Volatile.Write(ref _row, null);
        Volatile.Write(ref _notBefore, 0);
    }

    /// <param name="ended">A row that this failure goes on with, if it is longer than the present one.</param>
    private static void Lengthen(ref FailureRow? place, FailureRow? ended, Client? culprit, TimeSpan now)
    {
        var row = Volatile.Read(ref place);
        for (FailureRow? seen; ; row = seen)
        {
            seen = Interlocked.CompareExchange(ref place, FailureRow.Add(FailureRow.Longer(row, ended), culprit, now), row);
            if (ReferenceEquals(seen, row))
            {
                return;
            }
        }
    }
}
