using System.Net;
using System.Net.Security;
using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Upstreams;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Resilience;

/// <summary>
/// Makes the client of each cluster. YARP asks again at each reload; the client, and with it the connections, is kept unless the
/// cluster's HttpClient section or its connect timeout has changed.
/// </summary>
internal sealed class UpstreamClientFactory(
    AttemptMetrics metrics,
    Breakers breakers,
    Attempts attempts,
    ConnectStep connector,
    OwnConnections owners,
    UpstreamSockets sockets,
    TimeProvider time,
    ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger), IForwarderHttpClientFactory
{
    /// <summary>Requests in a row that an HTTP/2 connection brings nothing back for; one alone may be the request's own fault.</summary>
    private const int UnansweredMax = 2;

    /// <summary>
    /// YARP's own sees changes of HttpClient only: when other times of connections change it is told that there was no client.
    /// </summary>
    HttpMessageInvoker IForwarderHttpClientFactory.CreateClient(ForwarderHttpClientContext context) =>
        CreateClient(ClusterSection.ConnectOf(context.OldMetadata) == ClusterSection.ConnectOf(context.NewMetadata)
            && ClusterSection.PingsOf(context.OldMetadata) == ClusterSection.PingsOf(context.NewMetadata)
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
        handler.RequestHeaderEncodingSelector = static (_, request) => WaitingRequest.EncodingOf(request);
        handler.ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
        base.ConfigureHandler(context, handler);
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler)
    {
        handler.Dispose(); // the pools make their own, alike
        metrics.Announce(context.ClusterId);
        var (delay, timeout) = ClusterSection.PingsOf(context.NewMetadata);
        var paces = new PingPaces(delay, timeout);
        var pools = new ClusterPools(name => new UpstreamPools(
            context.ClusterId, sockets, (isProbe, pool) => Create(context, name, pool, paces, isProbe ? 1 : UnansweredMax)));
        var sender = new AttemptSender(context.ClusterId, pools, owners, attempts, metrics, breakers, time);
        var hedger = new Hedger(context.ClusterId, sender, attempts);
        var hold = new AnswerHold(breakers, time);
        var retries = new RetryLoop(context.ClusterId, sender, hedger, hold, attempts);
        return new UpstreamHandler(context.ClusterId, pools, owners, sender, retries, hedger, hold);
    }

    /// <param name="tlsName">The name that TLS is spoken under.</param>
    /// <param name="pool">Counts the connections.</param>
    private SocketsHttpHandler Create(
        ForwarderHttpClientContext context, string tlsName, UpstreamSockets.Pool pool, PingPaces paces, int unansweredMax)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
        };
        ConfigureHandler(context, handler);
        var (proxy, options) = (handler.UseProxy ? handler.Proxy : null, handler.SslOptions);
        handler.ConnectCallback = (connection, cancellation) => pool.ConnectAsync(toStream =>
            connector.ConnectAsync(connection, TlsOf(connection.InitialRequestMessage, proxy, options, tlsName), toStream, cancellation));
        handler.PlaintextStreamFilter = (connection, _) => ValueTask.FromResult<Stream>(
            connection.NegotiatedHttpVersion.Major == 1 ? new UpstreamStream(connection.PlaintextStream)
            : connection.NegotiatedHttpVersion.Major == 2 ? new UpstreamHttp2Stream(
                connection.PlaintextStream,
                new Http2Watch(paces.Of(connection.InitialRequestMessage.RequestUri), unansweredMax, time),
                time)
            : connection.PlaintextStream);
        return handler;
    }

    /// <summary>Null: without TLS, or through a proxy, where TLS begins behind its tunnel.</summary>
    private static SslClientAuthenticationOptions? TlsOf(
        HttpRequestMessage request, IWebProxy? proxy, SslClientAuthenticationOptions options, string tlsName) =>
        tlsName.Length == 0 || request.RequestUri is not { Scheme: "https" } uri || (proxy is not null && !proxy.IsBypassed(uri))
            ? null
            : new SslClientAuthenticationOptions
            {
                TargetHost = tlsName,
                EnabledSslProtocols = options.EnabledSslProtocols,
                RemoteCertificateValidationCallback = options.RemoteCertificateValidationCallback,
                ApplicationProtocols = ConnectStep.ProtocolsFor(request),
            };
}
