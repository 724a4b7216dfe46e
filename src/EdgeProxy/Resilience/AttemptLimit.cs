using EdgeProxy.Configuration;

namespace EdgeProxy.Resilience;

/// <summary>
/// The time that one attempt may take to the head of its answer. While the client's body streams through, it does not run: who is
/// waited for then is the client. Belongs to the request until its answer has ended, since the body may still be under way.
/// </summary>
internal sealed class AttemptLimit : IDisposable
{
    private const string PerTry = nameof(TimeoutSettings.PerTry);
    private const string ResponseHeaders = nameof(TimeoutSettings.ResponseHeaders);

    private readonly TimeoutSettings _timeouts;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _source;
    private readonly ITimer _timer;
    private readonly bool _streams;
    private readonly long _started;
    private string _bound = PerTry;
    private int _state; // 0: running, 1: stopped, 2: run out
    private Action? _overdue;

    private AttemptLimit(TimeoutSettings timeouts, TimeProvider time, Upload? upload, CancellationToken cancellation)
    {
        (_timeouts, _time, _streams) = (timeouts, time, upload is { Streams: true });
        _source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _started = time.GetTimestamp();
        var first = upload is null ? Shorter(timeouts.PerTry, timeouts.ResponseHeaders) : upload.Streams ? null : timeouts.PerTry;
        _bound = first == timeouts.PerTry ? PerTry : ResponseHeaders;
        _timer = time.CreateTimer(
            static limit => ((AttemptLimit)limit!).RunOut(), this, first ?? Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>The key of `Timeouts` whose time runs, or has run out.</summary>
    public string Bound => Volatile.Read(ref _bound);

    public bool HasRunOut => Volatile.Read(ref _state) == 2;

    /// <summary>Null when the attempt has no limit.</summary>
    /// <param name="client">Disposes it with its answer; null: the caller does, of an attempt without a body.</param>
    public static AttemptLimit? Begin(
        TimeoutSettings timeouts, TimeProvider time, HttpContext? client, Upload? upload, CancellationToken cancellation)
    {
        if (!timeouts.BoundsAttempts)
        {
            return null;
        }

        var limit = new AttemptLimit(timeouts, time, upload, cancellation);
        upload?.Limit = limit;
        client?.Response.RegisterForDispose(limit);
        return limit;
    }

    /// <summary>The last byte of the body has been handed to the connection: now the answer is waited for.</summary>
    public void BodyIsThrough()
    {
        var left = _streams || _timeouts.PerTry is not { } perTry ? _timeouts.PerTry : perTry - _time.GetElapsedTime(_started);
        if (Volatile.Read(ref _state) == 0 && Shorter(left, _timeouts.ResponseHeaders) is { } wait)
        {
            Volatile.Write(ref _bound, wait == left ? PerTry : ResponseHeaders);
            _timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The head is here, or the attempt has failed.</summary>
    public void Stop()
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) == 0)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The head is here, and the rest is to follow within as long as an attempt may take to one: told when it has not.</summary>
    public void WatchAnswer(Action overdue)
    {
        Stop();
        if (_timeouts.PerTry is { } perTry && !HasRunOut)
        {
            Volatile.Write(ref _overdue, overdue);
            _timer.Change(perTry, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        Stop();
        _timer.Dispose();
        _source.Dispose();
    }

    private void RunOut()
    {
        if (Interlocked.CompareExchange(ref _state, 2, 0) == 0)
        {
            try
            {
                _source.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The request has ended in the same moment.
            }
        }
        else
        {
            Volatile.Read(ref _overdue)?.Invoke();
        }
    }

    private static TimeSpan? Shorter(TimeSpan? one, TimeSpan? other) => one < other ? one : other ?? one;
}
