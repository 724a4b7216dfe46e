using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EdgeProxy.Tls;

internal static class TlsServices
{
    /// <summary>Certificates of https listeners, and what reloads them.</summary>
    public static void AddEdgeTls(this IServiceCollection services)
    {
        services.AddSingleton<CertificateStore>();
        services.AddSingleton<CertificateExpiry>();
        services.AddHostedService<CertificateWorker>();
    }

    /// <summary>Terminates TLS if the listener's address is https. <paramref name="place"/> is its place in `Edge.Listen`.</summary>
    public static void UseEdgeTls(this ListenOptions options, int place)
    {
        var certificates = options.ApplicationServices.GetRequiredService<CertificateStore>();
        options.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = context => new(certificates.At(place).Select(context.ClientHelloInfo.ServerName)),
        });
    }
}
