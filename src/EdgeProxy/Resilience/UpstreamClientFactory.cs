using System.Net;
using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

/// <summary>
/// Makes the client of each cluster. YARP asks again at each reload; the client, and with it the connections, is kept unless the
/// cluster's HttpClient section has changed.
/// </summary>
internal sealed class UpstreamClientFactory(
    AttemptMetrics metrics, Breakers breakers, TimeProvider time, ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger)
{
    /// <summary>How long a connection may take: longer than a lost SYN's first repeat, shorter than a client's patience.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        handler.ConnectTimeout = ConnectTimeout;
        handler.ActivityHeadersPropagator = null; // the edge writes `traceparent` itself
        // Bytes above 127 pass as they are, as HTTP/1.1 has always allowed; UTF-8 is bytes too.
        handler.RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
        handler.ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
        handler.PlaintextStreamFilter = static (connection, _) => ValueTask.FromResult(
            connection.NegotiatedHttpVersion.Major == 1 ? new UpstreamStream(connection.PlaintextStream) : connection.PlaintextStream);
        base.ConfigureHandler(context, handler);
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler)
    {
        handler.Dispose(); // the pools make their own, alike
        metrics.Announce(context.ClusterId);
        return new UpstreamHandler(context.ClusterId, new UpstreamPools(() => Create(context)), metrics, breakers, time);
    }

    private SocketsHttpHandler Create(ForwarderHttpClientContext context)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
        };
        ConfigureHandler(context, handler);
        return handler;
    }
}
