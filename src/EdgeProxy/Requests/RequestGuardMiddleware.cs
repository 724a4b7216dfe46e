using EdgeProxy.Errors;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

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
        if (context.MayHaveBody() || context.AsksForUpgrade())
        {
            context.Features.Get<RequestHeads>()?.End();
        }

        var isWebSocket = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" };
        if ((RequestRules.BreaksHttp2(request) || IsMalformed(context)) && context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            const int ProtocolError = 1;
            context.Edge().AnsweredByEdge = true;
            context.Response.StatusCode = StatusCodes.Status400BadRequest; // for metrics; counted as an error with the frame itself
            stream.Reset(ProtocolError);
            return Task.CompletedTask;
        }

        var edge = context.Edge();
        var limits = edge.Revision.Edge.Requests;
        var received = new ReceivedFields(edge, RequestRules.IsHttp1(request.Protocol));
        if ((CheckScheme(context, request)
            ?? RequestRules.Check(request, limits, isWebSocket, edge.PeerIsTrusted, ref received)) is { } error)
        {
            context.Fail(error);
            return Task.CompletedTask;
        }

        edge.Hops = HopCount.Of(request.Headers[EdgeFields.Hops]);
        if (edge.Hops >= limits.MaxHops)
        {
            context.Fail(EdgeErrors.LoopDetected);
            return Task.CompletedTask;
        }

        received.RemoveFrom(request.Headers);
        return next(context);
    }

    private static bool IsMalformed(HttpContext context) =>
        context.Features.Get<IHttp2StreamIdFeature>() is { } stream
        && context.Features.Get<MalformedStreams>()?.Take(stream.StreamId) is true;

    /// <summary>
    /// HTTP/2 requests name a scheme, and the server is told to believe any. It is that of the connection, or the word of a trusted proxy
    /// that has ended TLS before the edge; from anybody else it asks for a service that is not here (RFC 9110, 7.4).
    /// </summary>
    private static EdgeError? CheckScheme(HttpContext context, IHttpRequestFeature request)
    {
        var isTls = context.Features.Get<ITlsHandshakeFeature>() is not null;
        var own = isTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        if (request.Scheme.Equals(own, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var other = isTls ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
        if (!request.Scheme.Equals(other, StringComparison.OrdinalIgnoreCase))
        {
            return EdgeErrors.MalformedRequest;
        }

        request.Scheme = other; // in lower case
        return context.Edge().PeerIsTrusted ? null : EdgeErrors.Misdirected;
    }
}
