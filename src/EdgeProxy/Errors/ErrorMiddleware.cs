namespace EdgeProxy.Errors;

/// <summary>The only writer of error answers. Whatever fails below names an error of the catalogue; this answers with it.</summary>
internal sealed partial class ErrorMiddleware(RequestDelegate next, ILogger<ErrorMiddleware> logger)
{
    public async Task Invoke(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            // The edge of the request path: whatever escaped is a bug, and still gets the one error format.
            LogUnhandled(logger, exception, context.Edge().RequestId);
            context.Edge().Failure = new EdgeFailure(EdgeErrors.InternalError);
        }

        if (!context.Response.HasStarted && FailureOf(context) is { } failure)
        {
            await ErrorWriter.WriteAsync(context, failure);
        }
    }

    private static EdgeFailure? FailureOf(HttpContext context)
    {
        var edge = context.Edge();
        if (edge.Failure is { } failure)
        {
            return failure;
        }

        if (context.GetForwarderErrorFeature() is { } forwarder)
        {
            return new EdgeFailure(ForwarderErrors.ToEdgeError(forwarder));
        }

        return (edge.Route, context.Response.StatusCode) switch
        {
            (null, StatusCodes.Status404NotFound) => new EdgeFailure(EdgeErrors.RouteNotFound),
            (null, StatusCodes.Status405MethodNotAllowed) => new EdgeFailure(EdgeErrors.MethodNotAllowed),
            _ => null,
        };
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} failed inside the edge")]
    private static partial void LogUnhandled(ILogger logger, Exception exception, string requestId);
}
