using System.Diagnostics;
using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Connections;
using EdgeProxy.Errors;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Console;

namespace EdgeProxy;

/// <summary>How the edge's sockets are opened, and the logging of both servers.</summary>
internal static class Listeners
{
    public static void UseEdgeListeners(this IWebHostBuilder host, EdgeOptions edge) => host.UseKestrelCore().ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true;  // what ProtocolChoice needs; the request guard compares instead
        SetLimits(kestrel.Limits, edge.Requests);
        SetWindows(kestrel.Limits.Http2, edge.Connections);

        // Field values are passed on byte for byte, whatever their writer meant by them; Latin-1 is the coding that loses none.
        kestrel.RequestHeaderEncodingSelector = EncodingOf;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ApplicationServices.GetRequiredService<ServerAnswers>().Watch(
            kestrel.ApplicationServices.GetRequiredService<DiagnosticListener>());
        foreach (var (place, listener) in edge.Listen.Index())
        {
            kestrel.Listen(ListenAddresses.EndPointOf(BindingAddress.Parse(listener.Url)), options => Configure(options, listener, place));
        }
    }).ConfigureServices(services =>
        services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = ListenSockets.Bind));

    private static Encoding EncodingOf(string field) =>
        field.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) ? DigitsEncoding.Instance
        : field.Equals("Connection", StringComparison.OrdinalIgnoreCase) ? ConnectionFieldEncoding.Instance
        : Encoding.Latin1;

    /// <param name="place">The listener's place in `Edge.Listen`, by which its certificates are found.</param>
    private static void Configure(ListenOptions options, ListenerOptions listener, int place)
    {
        var time = options.ApplicationServices.GetRequiredService<TimeProvider>();
        var endings = options.ApplicationServices.GetRequiredService<Endings>();
        options.Use(next => connection => endings.OnConnectionAsync(connection, next));
        var answers = options.ApplicationServices.GetRequiredService<ServerAnswers>();
        var isTls = CertificateStore.IsTls(listener);
        if (isTls || listener.Protocols != ListenerProtocols.Http1AndHttp2)
        {
            // Left unset, both are enabled as well, but the server does not warn that it could not tell them apart.
            options.Protocols = listener.Protocols switch
            {
                ListenerProtocols.Http1 => HttpProtocols.Http1,
                ListenerProtocols.Http2 => HttpProtocols.Http2,
                _ => HttpProtocols.Http1AndHttp2,
            };
        }

        if (isTls)
        {
            options.UseEdgeTls(place);
        }

        var limits = options.KestrelServerOptions.Limits;
        options.Use(next =>
        {
            var choice = new ProtocolChoice(
                next, limits, connection => answers.RefuseAsync(connection, EdgeErrors.RequestTimeout), time);
            return isTls ? choice.OnTlsAsync
                : listener.Protocols == ListenerProtocols.Http1AndHttp2 ? choice.OnConnectionAsync
                : listener.Protocols == ListenerProtocols.Http2 ? choice.OnHttp2Async
                : next;
        });
        options.Use(next => connection => answers.OnConnectionAsync(connection, next));
    }

    /// <summary>The server's limits stand beyond ours: what lies between is refused by the pipeline, with a route and a body.</summary>
    private static void SetLimits(KestrelServerLimits limits, RequestOptions ours)
    {
        limits.MaxRequestHeadersTotalSize = (8 * ours.HeaderBytes) + 32_768; // on HTTP/2 its own refusals have no body
        limits.MaxRequestHeaderCount = 40 * ours.HeaderCount;
        limits.MaxRequestLineSize = (2 * ours.TargetBytes) + 8_192;
        limits.MaxRequestBufferSize = Math.Max(limits.MaxRequestBufferSize ?? 0, 2L * limits.MaxRequestHeadersTotalSize);
        limits.Http2.MaxRequestHeaderFieldSize = limits.MaxRequestHeadersTotalSize;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.MaxRequestBodySize = null;

        // On HTTP/2 it would end the whole connection for one slow stream; Requests/UploadStream bounds each upload alone.
        limits.MinRequestBodyDataRate = null;
    }

    /// <summary>
    /// A stream that nobody reads fills its own window, never its connection's. The server gives the connection back what was read once
    /// that is half of the connection's window, so the window is twice what all streams together can leave unread. Unread bytes, and so
    /// the memory of a connection, are bounded by the windows of its streams.
    /// </summary>
    private static void SetWindows(Http2Limits limits, ConnectionLimits ours)
    {
        limits.MaxStreamsPerConnection = ConnectionLimits.Streams;
        limits.InitialStreamWindowSize = ours.StreamWindow;
        limits.InitialConnectionWindowSize = 2 * ConnectionLimits.Streams * ours.StreamWindow;
    }

    public static void UseAdminListener(this IWebHostBuilder host, AdminOptions admin) => host.UseKestrelCore().ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = Admin.AdminListener.BodyBytesMax;
        kestrel.Listen(
            ListenAddresses.EndPointOf(BindingAddress.Parse(admin.Listen)), options => options.Protocols = HttpProtocols.Http1);
    }).ConfigureServices(services =>
        services.Configure<SocketTransportOptions>(sockets => sockets.CreateBoundListenSocket = ListenSockets.Bind));

    public static void AddEdgeLogging(this ILoggingBuilder logging)
    {
        logging.Services.TryAddSingleton(TimeProvider.System);
        logging.AddConsole(console =>
        {
            console.FormatterName = LogLine.FormatterName;
            // Who reads the log may have stopped reading: then lines are lost, and requests, reloads and the drain go on.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        logging.AddConsoleFormatter<LogLine, ConsoleFormatterOptions>();
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // An enabled logger of this name makes the host start an Activity for each request; the edge carries traces on without.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Yarp", LogLevel.Warning);
        logging.AddFilter("Yarp.ReverseProxy.Forwarder.HttpForwarder", LogLevel.Error);
        // A line a request: FailureLog has what failed, ten a second at most; a bad cookie is the client's.
        logging.AddFilter("Yarp.ReverseProxy.Forwarder.ForwarderMiddleware", LogLevel.Error);
        logging.AddFilter("Yarp.ReverseProxy.SessionAffinity", LogLevel.Critical);
        logging.AddFilter("Yarp.ReverseProxy.Health", LogLevel.Error); // a line a failed probe; the edge logs a line a change
    }
}
