using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Draining;

/// <summary>Tells clients whose request is served during a drain not to send another one on the same connection.</summary>
internal sealed class DrainMiddleware(RequestDelegate next, IHostApplicationLifetime lifetime)
{
    private readonly CancellationToken _draining = lifetime.ApplicationStopping;

    public Task Invoke(HttpContext context)
    {
        if (_draining.IsCancellationRequested)
        {
            CloseAfter(context);
        }

        return next(context);
    }

    /// <summary>`Connection: close` on HTTP/1.1, GOAWAY on HTTP/2.</summary>
    public static void CloseAfter(HttpContext context)
    {
        if (HttpProtocol.IsHttp2(context.Request.Protocol) || HttpProtocol.IsHttp3(context.Request.Protocol))
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }
        else if (!context.Response.HasStarted)
        {
            context.Response.Headers.Connection = "close";
        }
    }
}
