using Microsoft.AspNetCore.Connections;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Errors;

/// <summary>Finds the row of the catalogue for a request that ended without naming one itself.</summary>
internal static class FailureCauses
{
    /// <summary>What an exception that reached the top stands for.</summary>
    public static EdgeError OfException(HttpContext context, Exception exception) => exception switch
    {
        BadHttpRequestException bad => OfBadRequest(context, bad),
        _ when HasClientGone(exception) => EdgeErrors.ClientDisconnected, // before it is signalled, at times
        OperationCanceledException or IOException when context.RequestAborted.IsCancellationRequested => EdgeErrors.ClientDisconnected,
        _ => EdgeErrors.InternalError,
    };

    /// <summary>What the state that the request was left in stands for; null when all is well.</summary>
    public static EdgeError? OfOutcome(HttpContext context)
    {
        if (context.GetForwarderErrorFeature() is { } forwarder)
        {
            return ForwarderErrors.ToEdgeError(context, forwarder, context.Edge().DeadlinePassed);
        }

        var edge = context.Edge();
        return (edge.Route, context.Response.StatusCode) switch
        {
            (null, StatusCodes.Status404NotFound) => EdgeErrors.RouteNotFound,
            (null, StatusCodes.Status405MethodNotAllowed) => EdgeErrors.MethodNotAllowed,
            (not null, StatusCodes.Status503ServiceUnavailable) when context.Features.Get<IReverseProxyFeature>() is null
                => EdgeErrors.ClusterMissing,
            (not null, StatusCodes.Status504GatewayTimeout) when IsUnsent(context) && edge.DeadlinePassed
                => EdgeErrors.DeadlineExceeded,
            _ => null,
        };
    }

    /// <summary>What the server or the upload bound found wrong with a request that was being read.</summary>
    public static EdgeError OfBadRequest(HttpContext context, BadHttpRequestException bad) => bad.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => EdgeErrors.BodyTooLarge,
        StatusCodes.Status408RequestTimeout => EdgeErrors.RequestTimeout,
        StatusCodes.Status431RequestHeaderFieldsTooLarge => EdgeErrors.HeaderTooLarge, // trailers
        // A body that ends early is a client that left, when it has left.
        _ when context.RequestAborted.IsCancellationRequested => EdgeErrors.ClientDisconnected,
        _ => EdgeErrors.MalformedRequest,
    };

    /// <summary>The server's own words for a connection that has ended; behind them there may be the system's.</summary>
    private static bool HasClientGone(Exception? exception)
    {
        while (exception is not null and not (ConnectionResetException or ConnectionAbortedException))
        {
            exception = exception.InnerException;
        }

        return exception is not null;
    }

    /// <summary>True when nothing of an upstream's answer is on the response: then a 504 is the platform's own.</summary>
    private static bool IsUnsent(HttpContext context) =>
        context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination is null && !context.Response.HasStarted;
}
