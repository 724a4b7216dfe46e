using System.Net;
using EdgeProxy.Errors;

namespace EdgeProxy.Clients;

/// <summary>Finds out who is calling: by API key, else by address.</summary>
internal sealed class ClientMiddleware(RequestDelegate next)
{
    public Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        if (edge.Route is not { } route)
        {
            return next(context);
        }

        Identify(context, edge);
        if (route.RequireClient && edge.KnownClient is null)
        {
            // RFC 9110 wants a challenge on every 401. There is no registered scheme for API keys; this is the usual name.
            context.Response.Headers.WWWAuthenticate = "ApiKey";
            context.Fail(EdgeErrors.Unauthenticated);
            return Task.CompletedTask;
        }

        return next(context);
    }

    /// <summary>Who it was, for the log too: what is refused further up never comes here.</summary>
    public static void Identify(HttpContext context, EdgeContext edge)
    {
        var peer = context.Connection.RemoteIpAddress ?? IPAddress.None;
        edge.ClientAddress = ClientAddress.Of(
            peer, context.Request.Headers["X-Forwarded-For"], edge.Revision.Edge.TrustedProxies);
        edge.KnownClient = ByKey(context, edge.Revision.Clients);
    }

    /// <summary>
    /// None for a missing, unknown or repeated key: which of two keys would count is not for the edge to guess. A repeated one does
    /// not go on to the destination either, joined or not: a key that is known might be among them.
    /// </summary>
    private static Client? ByKey(HttpContext context, ClientDirectory directory)
    {
        if (directory.ApiKeyHeader is not { } header || !context.Request.Headers.TryGetValue(header, out var keys))
        {
            return null;
        }

        var client = keys.Count == 1 ? directory.FindByKey(keys[0]!) : null;
        if (!directory.ForwardKey && (client is not null || keys.Count > 1 || keys[0]!.Contains(',')))
        {
            context.Request.Headers.Remove(header);
        }

        return client;
    }
}
