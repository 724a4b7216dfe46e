using EdgeProxy.Errors;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Requests;

/// <summary>
/// Refuses what no route could serve rightly, and removes what only others may say: whatever follows reads a clean request. The server's
/// own limits are wider, so that the answer is ours.
/// </summary>
internal sealed class RequestGuardMiddleware(RequestDelegate next)
{
    public Task Invoke(HttpContext context)
    {
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var isWebSocket = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" };
        if (RequestRules.BreaksHttp2(request) && context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            const int ProtocolError = 1;
            context.Edge().AnsweredByEdge = true;
            context.Response.StatusCode = StatusCodes.Status400BadRequest; // for metrics; counted as an error with the frame itself
            stream.Reset(ProtocolError);
            return Task.CompletedTask;
        }

        if (!SchemeIsTrue(context))
        {
            context.Fail(EdgeErrors.MalformedRequest);
            return Task.CompletedTask;
        }

        if (RequestRules.Check(request, context.Edge().Revision.Edge.Requests, isWebSocket) is { } error)
        {
            context.Fail(error);
            return Task.CompletedTask;
        }

        ReceivedFields.Clean(request.Headers, context.Edge(), RequestRules.IsHttp1(request.Protocol));
        return next(context);
    }

    /// <summary>The request names the scheme that its connection really has; the server is told to believe any.</summary>
    private static bool SchemeIsTrue(HttpContext context) =>
        context.Request.Scheme.Equals(
            context.Features.Get<ITlsHandshakeFeature>() is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps,
            StringComparison.OrdinalIgnoreCase);
}
