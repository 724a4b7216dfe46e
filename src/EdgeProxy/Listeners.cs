using System.Net;
using EdgeProxy.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy;

/// <summary>How the edge's sockets are opened, and the logging of both servers.</summary>
internal static class Listeners
{
    public static void UseEdgeListeners(this IWebHostBuilder host, EdgeOptions edge) => host.UseKestrelCore().ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        foreach (var listener in edge.Listen)
        {
            var address = BindingAddress.Parse(listener.Url);
            kestrel.Listen(EndPointOf(address), options =>
                options.Protocols = listener.Protocols == ListenerProtocols.Http2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        }
    });

    public static void UseAdminListener(this IWebHostBuilder host, AdminOptions admin) => host.UseKestrelCore().ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = Admin.AdminListener.BodyBytesMax;
        kestrel.Listen(EndPointOf(BindingAddress.Parse(admin.Listen)), options => options.Protocols = HttpProtocols.Http1);
    });

    public static void AddEdgeLogging(this ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // An enabled logger of this name makes the host start an Activity for each request; the edge carries traces on without.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Yarp", LogLevel.Warning);
        logging.AddFilter("Yarp.ReverseProxy.Forwarder.HttpForwarder", LogLevel.Error);
        logging.AddFilter("Yarp.ReverseProxy.Health", LogLevel.Error); // a line a failed probe; the edge logs a line a change
    }

    private static IPEndPoint EndPointOf(BindingAddress address) => new(
        address.Host switch
        {
            "localhost" => IPAddress.Loopback,
            "*" or "+" => IPAddress.IPv6Any,
            var host => IPAddress.Parse(host.Trim('[', ']')),
        },
        address.Port);
}
