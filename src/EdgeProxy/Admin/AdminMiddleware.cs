using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Admin;

/// <summary>
/// Stands around every admin request: gives it its <see cref="EdgeContext"/> and answers whatever fails in the one error
/// format. Apart from <see cref="ErrorMiddleware"/>, so that admin traffic does not show up in the numbers of the edge.
/// </summary>
internal sealed partial class AdminMiddleware(RequestDelegate next, Revisions revisions, TimeProvider time, ILogger<AdminMiddleware> logger)
{
    public async Task Invoke(HttpContext context)
    {
        var edge = new EdgeContext(revisions.Current, context.TraceIdentifier, time.GetTimestamp());
        context.Features.Set(edge);
        context.Response.Headers[EdgeFields.RequestId] = edge.RequestId;
        try
        {
            await next(context);
        }
        catch (BadHttpRequestException refused) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = refused.StatusCode;
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or ConnectionAbortedException)
        {
            // The client is gone, or was cut off because the process ends: nobody is left to answer, and nothing to read to its end.
            context.Abort();
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            LogUnhandled(logger, exception, edge.RequestId);
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }

        if (!context.Response.HasStarted && FailureOf(context, edge) is { } failure)
        {
            await ErrorWriter.WriteAsync(context, failure);
        }
    }

    private static EdgeFailure? FailureOf(HttpContext context, EdgeContext edge) => edge.Failure ?? context.Response.StatusCode switch
    {
        // A handler that has written a body of its own has started the response; these are bare status codes.
        StatusCodes.Status404NotFound => new(EdgeErrors.NotFound),
        StatusCodes.Status405MethodNotAllowed => new(EdgeErrors.MethodNotAllowed),
        StatusCodes.Status413PayloadTooLarge => new(EdgeErrors.BodyTooLarge),
        StatusCodes.Status415UnsupportedMediaType => new(EdgeErrors.UnsupportedMediaType),
        >= 400 and < 500 => new(EdgeErrors.InvalidBody), // what is wrong with the request as such never gets here
        >= 500 => new(EdgeErrors.InternalError),
        _ => null,
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "Admin request {RequestId} failed")]
    private static partial void LogUnhandled(ILogger logger, Exception exception, string requestId);
}
