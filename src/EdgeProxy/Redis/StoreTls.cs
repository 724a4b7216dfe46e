using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;
using StackExchange.Redis;

namespace EdgeProxy.Redis;

/// <summary>TLS toward the store as the keys of the configuration say. Files are read for each handshake: renewed ones are taken.</summary>
internal static class StoreTls
{
    /// <summary>Purpose of a certificate: to authenticate a server.</summary>
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    public static void Apply(StoreTlsOptions? tls, ConfigurationOptions options)
    {
        if (tls is null)
        {
            return;
        }

        options.Ssl = tls.Enabled;
        options.SslHost = tls.Host ?? options.SslHost;
        if (ValidationOf(tls) is { } validation)
        {
            options.CertificateValidation += validation;
        }

        if (SelectionOf(tls) is { } selection)
        {
            options.CertificateSelection += selection;
        }
    }

    /// <summary>Null: what the platform says.</summary>
    public static RemoteCertificateValidationCallback? ValidationOf(StoreTlsOptions? tls) => tls?.CaPath is not { } authorities
        ? null
        : (_, certificate, chain, errors) => IsTrusted(certificate as X509Certificate2, chain, errors, authorities);

    /// <summary>Null: no certificate is presented.</summary>
    public static LocalCertificateSelectionCallback? SelectionOf(StoreTlsOptions? tls) => tls?.Certificate is not { } own
        ? null
        : (_, _, _, _, _) => X509Certificate2.CreateFromPemFile(own.Path, own.KeyPath);

    /// <summary>The name fits, and one of the authorities of the file, and nobody else, stands for the certificate.</summary>
    private static bool IsTrusted(X509Certificate2? certificate, X509Chain? presented, SslPolicyErrors errors, string authorities)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true; // a handshake waits for nobody else
        chain.ChainPolicy.ApplicationPolicy.Add(new(ServerAuthentication));
        foreach (var element in presented?.ChainElements.AsEnumerable() ?? [])
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate);
    }
}
