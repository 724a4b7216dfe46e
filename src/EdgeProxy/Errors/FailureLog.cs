using EdgeProxy.Metrics;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Errors;

/// <summary>
/// One line for a request that the edge or an upstream failed, with what its answer does not tell: destination and cause. An outage
/// shall not fill the log, so that there are <see cref="LinesMax"/> a second at most; metrics count all.
/// </summary>
internal sealed partial class FailureLog(TimeProvider time, ILogger<FailureLog> logger)
{
    /// <summary>Lines a second.</summary>
    public const int LinesMax = 10;

    private const int CauseLengthMax = 200;
    private const int CountBits = 4;

    /// <summary>The second of the last line, and in the low bits how many it has had.</summary>
    private long _taken;

    /// <param name="context">The request that failed.</param>
    /// <param name="failure">What clients and policies did is not logged.</param>
    /// <param name="exception">What reached the top; null when nothing did.</param>
    public void Note(HttpContext context, EdgeFailure failure, Exception? exception)
    {
        var error = failure.Error;
        if (error.Source is not (ErrorSource.Edge or ErrorSource.Upstream) || !Take())
        {
            return;
        }

        var edge = context.Edge();
        var destination = context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination?.DestinationId;
        exception ??= context.GetForwarderErrorFeature()?.Exception;
        var cause = failure.Cause ?? CauseOf(exception);
        if (TimeBounds.Of(error, edge, exception) is { } bound)
        {
            cause = $"{bound} was over: {cause}";
        }

        LogFailed(
            logger, edge.RequestId, edge.TraceId, error.Code, edge.Route?.RouteId ?? EdgeMeter.NoRoute,
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

    private bool Take()
    {
        var second = time.GetTimestamp() / time.TimestampFrequency;
        while (true)
        {
            var seen = Volatile.Read(ref _taken);
            var count = seen >> CountBits == second ? seen & ((1 << CountBits) - 1) : 0;
            if (count >= LinesMax)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _taken, (second << CountBits) + count + 1, seen) == seen)
            {
                return true;
            }
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Request {RequestId} of trace {TraceId}: {Code}; route {Route}, cluster {Cluster}, destination {Destination}; {Cause}")]
    private static partial void LogFailed(
        ILogger logger, string requestId, string traceId, string code, string route, string cluster, string destination, string cause);
}
