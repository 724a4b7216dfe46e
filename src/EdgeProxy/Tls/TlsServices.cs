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
        var hello = new ClientHello(options.ApplicationServices.GetRequiredService<TimeProvider>());
        options.Use(next => connection =>
            certificates.At(place).DependsOnClient ? hello.OnConnectionAsync(connection, next) : next(connection));
        options.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = context => new(certificates.At(place).Select(
                context.ClientHelloInfo.ServerName, ClientHello.KnowsEcdsa(context.Connection))),
        });
    }
}
