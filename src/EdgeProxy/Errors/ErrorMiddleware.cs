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
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(100);

    public async Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
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
            failures.Note(context, failure.Error, escaped);
            await EndAsync(context, failure, escaped is not null);
        }
    }

    private Task EndAsync(HttpContext context, EdgeFailure failure, bool escaped)
    {
        if (failure.Error == EdgeErrors.ClientDisconnected)
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
            return GoesAheadOfReset(context, failure.Error)
                ? WriteAheadOfResetAsync(context, failure)
                : ErrorWriter.WriteAsync(context, failure);
        }

        // The forwarder has already cut what it could not complete; an upgraded connection ends by its own rules.
        if (escaped || context.GetForwarderErrorFeature() is null)
        {
            Cut(context);
        }

        return Task.CompletedTask;
    }

    /// <summary>A gRPC error is a head that ends the stream itself, and gRPC clients know what a reset after it means.</summary>
    private static bool GoesAheadOfReset(HttpContext context, EdgeError error) =>
        HttpProtocol.IsHttp2(context.Request.Protocol)
        && (ErrorWriter.EndsUpload(error) || context.Edge().UploadEndedEarly)
        && !GrpcAnswer.IsExpected(context.Request.ContentType);

    /// <summary>
    /// With the end of the answer the server resets the stream, since the upload still runs. Clients that read both at once, curl 7.88
    /// among them, take that for a failure and lose the answer; so it goes ahead.
    /// </summary>
    private async Task WriteAheadOfResetAsync(HttpContext context, EdgeFailure failure)
    {
        await ErrorWriter.WriteAsync(context, failure);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await MomentAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Until the client has gone, and not for longer than it takes to read an answer.</summary>
    private Task MomentAsync(CancellationToken gone) => Task.Delay(Ahead, time, gone);

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
