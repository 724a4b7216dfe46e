using EdgeProxy.Metrics;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Errors;

/// <summary>
/// The only way out for failures. What fails below names an error of the catalogue, or leaves an exception or a report of
/// the forwarder behind; this counts it and answers, or cuts the response short when it has already begun.
/// </summary>
internal sealed partial class ErrorMiddleware(
    RequestDelegate next, ErrorMetrics metrics, FailureLog failures, TimeProvider time, ILogger<ErrorMiddleware> logger)
{
    public async Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        var body = context.Request.Body; // the server's own, before anybody wraps it
        Exception? escaped = null;
        try
        {
            await next(context);
        }
        catch (Exception exception)
        {
            // The end of the request path: an exception that nobody expected is a bug, and still gets the one error format.
            escaped = exception;
            edge.Failure ??= new EdgeFailure(FailureCauses.OfException(context, exception));
            if (edge.Failure.Error == EdgeErrors.InternalError)
            {
                LogUnhandled(logger, exception, edge.RequestId);
            }
        }

        if (edge.Failure is null && FailureCauses.OfOutcome(context) is { } error)
        {
            edge.Failure = new EdgeFailure(error);
        }

        if (edge.Failure is { } failure)
        {
            metrics.Count(failure.Error, edge.Route?.RouteId ?? EdgeMeter.NoRoute);
            failures.Note(context, failure, escaped);
            await EndAsync(context, failure, escaped is not null, body);
        }
        else if (edge.UploadEndedEarly)
        {
            await EarlyAnswer.GoAheadAsync(context, body, time);
        }
    }

    private Task EndAsync(HttpContext context, EdgeFailure failure, bool escaped, Stream body)
    {
        if (failure.Error.MeansClientIsGone)
        {
            // Nobody is there to read an answer; the status is for metrics and logs.
            if (!context.Response.HasStarted)
            {
                context.Response.Clear();
                context.Response.StatusCode = failure.Error.Status;
            }

            return Task.CompletedTask;
        }

        if (!context.Response.HasStarted)
        {
            return AnswerAsync(context, failure, body);
        }

        // The forwarder has already cut what it could not complete; an upgraded connection ends by its own rules.
        if (escaped || context.GetForwarderErrorFeature() is null)
        {
            Cut(context);
        }

        return Task.CompletedTask;
    }

    private async Task AnswerAsync(HttpContext context, EdgeFailure failure, Stream body)
    {
        await ErrorWriter.WriteAsync(context, failure);
        await EarlyAnswer.GoAheadAsync(context, body, time);
    }

    /// <summary>Ends a response that has begun so that nobody can take it for complete.</summary>
    private static void Cut(HttpContext context)
    {
        const int InternalError = 2;
        if (context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            stream.Reset(InternalError);
        }
        else
        {
            context.Abort();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} failed inside the edge")]
    private static partial void LogUnhandled(ILogger logger, Exception exception, string requestId);
}
