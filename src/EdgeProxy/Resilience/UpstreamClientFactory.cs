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
    TimeProvider time,
    ILogger<ForwarderHttpClientFactory> logger)
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
        handler.RequestHeaderEncodingSelector = static (_, request) => WaitingRequest.EncodingOf(request);
        handler.ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
        handler.PlaintextStreamFilter = static (connection, _) => ValueTask.FromResult(
            connection.NegotiatedHttpVersion.Major == 1 ? new UpstreamStream(connection.PlaintextStream) : connection.PlaintextStream);
        base.ConfigureHandler(context, handler);
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler)
    {
        handler.Dispose(); // the pools make their own, alike
        metrics.Announce(context.ClusterId);
        var pools = new ClusterPools(name => new UpstreamPools(() => Create(context, name)));
        var sender = new AttemptSender(context.ClusterId, pools, owners, metrics, breakers, time);
        var hedger = new Hedger(context.ClusterId, sender, attempts);
        var hold = new AnswerHold(breakers, time);
        var retries = new RetryLoop(context.ClusterId, sender, hedger, hold, attempts);
        return new UpstreamHandler(context.ClusterId, pools, owners, sender, retries, hedger, hold);
    }

    /// <param name="tlsName">The name that TLS is spoken under.</param>
    private SocketsHttpHandler Create(ForwarderHttpClientContext context, string tlsName)
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
        handler.ConnectCallback = (connection, cancellation) =>
            connector.ConnectAsync(connection, TlsOf(connection.InitialRequestMessage, proxy, options, tlsName), cancellation);
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
