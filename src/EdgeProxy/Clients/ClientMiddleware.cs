using System.Net;

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

        edge.Client = Identify(context, edge.Revision.Clients);
        if (route.RequireClient && edge.Client.IsAnonymous)
        {
            context.Fail(Errors.EdgeErrors.Unauthenticated);
            return Task.CompletedTask;
        }

        return next(context);
    }

    private static Client Identify(HttpContext context, ClientDirectory directory)
    {
        if (directory.ApiKeyHeader is { } header
            && context.Request.Headers.TryGetValue(header, out var keys)
            && keys.Count == 1
            && directory.FindByKey(keys[0]!) is { } client)
        {
            if (!directory.ForwardKey)
            {
                context.Request.Headers.Remove(header);
            }

            return client;
        }

        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        return new Client(address.ToString(), Client.AnonymousPlan, IsAnonymous: true);
    }
}
