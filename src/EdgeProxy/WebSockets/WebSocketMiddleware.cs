using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.WebSockets;

/// <summary>
/// Watches WebSockets on their way through, so that a client whose upstream is gone, or whose edge is going, gets a Close
/// frame between two frames of its upstream instead of a cut connection. Every other upgrade stays opaque bytes.
/// </summary>
internal sealed class WebSocketMiddleware(RequestDelegate next, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const string Protocol = "websocket";

    private readonly CancellationToken _draining = lifetime.ApplicationStopping;

    public Task Invoke(HttpContext context)
    {
        var upgrade = context.Request.Headers.Upgrade;
        if (upgrade.Count == 0 && !HttpMethods.IsConnect(context.Request.Method))
        {
            return next(context);
        }

        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect
            && string.Equals(connect.Protocol, Protocol, StringComparison.OrdinalIgnoreCase))
        {
            var watched = new WatchedUpgrade(null, connect, context.Edge(), time, _draining);
            context.Features.Set<IHttpExtendedConnectFeature>(watched);
            return WatchAsync(context, watched);
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } upgradable
            && string.Equals(upgrade, Protocol, StringComparison.OrdinalIgnoreCase))
        {
            var watched = new WatchedUpgrade(upgradable, null, context.Edge(), time, _draining);
            context.Features.Set<IHttpUpgradeFeature>(watched);
            return WatchAsync(context, watched);
        }

        return next(context);
    }

    private async Task WatchAsync(HttpContext context, WatchedUpgrade watched)
    {
        try
        {
            await next(context);
            var idle = context.GetForwarderErrorFeature()?.Error == ForwarderError.UpgradeActivityTimeout;
            if (watched.Stream is { } stream && !await stream.FinishAsync(idle ? CloseFrame.Idle : CloseFrame.UpstreamGone))
            {
                context.Abort();
            }
        }
        finally
        {
            if (watched.Stream is { } stream)
            {
                await stream.DisposeAsync();
            }
        }
    }

    /// <summary>Kestrel's way to accept a WebSocket, over HTTP/1.1 or HTTP/2, handing out the stream under watch.</summary>
    private sealed class WatchedUpgrade(
        IHttpUpgradeFeature? upgrade,
        IHttpExtendedConnectFeature? connect,
        EdgeContext edge,
        TimeProvider time,
        CancellationToken draining)
        : IHttpUpgradeFeature, IHttpExtendedConnectFeature
    {
        public WebSocketStream? Stream { get; private set; }

        public bool IsUpgradableRequest => upgrade is not null;

        public bool IsExtendedConnect => connect is not null;

        public string? Protocol => connect?.Protocol;

        public async Task<Stream> UpgradeAsync() => Watch(await upgrade!.UpgradeAsync());

        public async ValueTask<Stream> AcceptAsync() => Watch(await connect!.AcceptAsync());

        private WebSocketStream Watch(Stream client)
        {
            var stream = Stream = new WebSocketStream(client, time, draining);
            edge.HasGotClose = () => stream.HasClosed;
            return stream;
        }
    }
}
