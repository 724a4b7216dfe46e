using System.Collections.Concurrent;
using EdgeProxy.Configuration;
using EdgeProxy.Metrics;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Errors;

/// <summary>
/// One line for a request that the edge or an upstream failed, with what its answer does not tell: destination and cause. An outage shall
/// neither fill the log nor hide another one: each route and code has <see cref="LinesMax"/> a second, an open circuit has one, all
/// together have <see cref="AllLinesMax"/>. What was left out is said a second later; metrics count all.
/// </summary>
internal sealed partial class FailureLog : IDisposable
{
    /// <summary>Lines a second of one route and code.</summary>
    public const int LinesMax = 10;

    /// <summary>Lines a second of all.</summary>
    public const int AllLinesMax = 100;

    private const int CauseLengthMax = 200;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<(string Route, string Code), LineBudget> _budgets = new();
    private readonly LineBudget _all = new(AllLinesMax);
    private readonly TimeProvider _time;
    private readonly ILogger<FailureLog> _logger;
    private readonly ITimer _timer;
    private int _isArmed;

    public FailureLog(TimeProvider time, ILogger<FailureLog> logger)
    {
        (_time, _logger) = (time, logger);
        _timer = time.CreateTimer(_ => SayLeftOut(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <param name="context">The request that failed.</param>
    /// <param name="failure">What clients and policies did is not logged.</param>
    /// <param name="exception">What reached the top; null when nothing did.</param>
    public void Note(HttpContext context, EdgeFailure failure, Exception? exception)
    {
        var error = failure.Error;
        if (error.Source is not (ErrorSource.Edge or ErrorSource.Upstream))
        {
            return;
        }

        var edge = context.Edge();
        var route = edge.Route?.RouteId ?? EdgeMeter.NoRoute;
        if (!Take(route, error))
        {
            return;
        }

        var destination = context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination?.ConfiguredId();
        exception ??= context.GetForwarderErrorFeature()?.Exception;
        var cause = failure.Cause ?? CauseOf(exception);
        if (TimeBounds.Of(error, edge, exception) is { } bound)
        {
            cause = $"{bound} was over: {cause}";
        }

        LogFailed(
            _logger, edge.RequestId, edge.TraceId, error.Code, route,
            edge.Route?.ClusterId ?? "-", destination ?? "-", cause);
    }

    /// <summary>The innermost exception, which is what happened; those around it say where that was noticed.</summary>
    public static string CauseOf(Exception? exception)
    {
        if (exception is null)
        {
            return "-";
        }

        var cause = exception.GetBaseException();
        var text = $"{cause.GetType().Name}: {cause.Message}";
        return text.Length > CauseLengthMax ? text[..CauseLengthMax] : text;
    }

    /// <summary>Says how many lines were left out, and forgets routes and codes of which there was nothing to say.</summary>
    public void SayLeftOut()
    {
        Volatile.Write(ref _isArmed, 0);
        var second = Second;
        foreach (var (key, budget) in _budgets)
        {
            if (budget.TakeLeftOut() is var leftOut and > 0)
            {
                LogLeftOut(_logger, leftOut, key.Code, key.Route);
            }
            else if (budget.IsIdle(second))
            {
                _budgets.TryRemove(key, out _); // its route may be gone
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private long Second => _time.GetTimestamp() / _time.TimestampFrequency;

    private bool Take(string route, EdgeError error)
    {
        var second = Second;
        var budget = _budgets.GetOrAdd(
            (route, error.Code), static (_, isOpen) => new LineBudget(isOpen ? 1 : LinesMax), error == EdgeErrors.CircuitOpen);
        if (budget.TryTake(second) && _all.TryTake(second))
        {
            return true;
        }

        budget.LeaveOut();
        if (Interlocked.Exchange(ref _isArmed, 1) == 0)
        {
            _timer.Change(Period, Timeout.InfiniteTimeSpan);
        }

        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} more not logged: {Code}; route {Route}")]
    private static partial void LogLeftOut(ILogger logger, long count, string code, string route);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Request {RequestId} of trace {TraceId}: {Code}; route {Route}, cluster {Cluster}, destination {Destination}; {Cause}")]
    private static partial void LogFailed(
        ILogger logger, string requestId, string traceId, string code, string route, string cluster, string destination, string cause);
}
