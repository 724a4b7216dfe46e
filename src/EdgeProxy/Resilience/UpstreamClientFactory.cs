using System.Net;
using System.Text;
using EdgeProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

/// <summary>
/// Makes the client of each cluster. YARP asks again at each reload; the client, and with it the connections, is kept unless the
/// cluster's HttpClient section or its connect timeout has changed.
/// </summary>
internal sealed class UpstreamClientFactory(
    AttemptMetrics metrics, Breakers breakers, Attempts attempts, TimeProvider time, ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger), IForwarderHttpClientFactory
{
    /// <summary>YARP's own sees changes of HttpClient only: when the connect timeout changes it is told that there was no client.</summary>
    HttpMessageInvoker IForwarderHttpClientFactory.CreateClient(ForwarderHttpClientContext context) =>
        CreateClient(ClusterSection.ConnectOf(context.OldMetadata) == ClusterSection.ConnectOf(context.NewMetadata)
            ? context
            : new ForwarderHttpClientContext
            {
                ClusterId = context.ClusterId,
                NewConfig = context.NewConfig,
                NewMetadata = context.NewMetadata,
            });

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        handler.ConnectTimeout = ClusterSection.ConnectOf(context.NewMetadata);
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
        var pools = new UpstreamPools(() => Create(context));
        var sender = new AttemptSender(context.ClusterId, pools, metrics, breakers, time);
        var hedger = new Hedger(context.ClusterId, sender, attempts);
        var hold = new AnswerHold(breakers, time);
        return new UpstreamHandler(pools, sender, new RetryLoop(context.ClusterId, sender, hedger, hold, attempts), hedger, hold);
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
