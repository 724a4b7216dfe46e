using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Certificates of the test's own making, as PEM files.</summary>
internal static class TestCertificate
{
    /// <summary>Writes NAME.pem and NAME.key, good from yesterday to tomorrow.</summary>
    public static void Write(string folder, string file, params string[] names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={names[0]}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Path.Combine(folder, file + ".pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, file + ".key"), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The same with an RSA key.</summary>
    public static void WriteRsa(string folder, string file, string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var alternatives = new SubjectAlternativeNameBuilder();
        alternatives.AddDnsName(name);
        request.CertificateExtensions.Add(alternatives.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Path.Combine(folder, file + ".pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, file + ".key"), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>An https listener on a free port, with a certificate for `localhost` in <paramref name="folder"/>.</summary>
    public static string Listener(string folder)
    {
        Write(folder, "site", "localhost");
        var path = Path.Combine(folder, "site");
        return $$"""{ "Url": "https://127.0.0.1:0", "Certificates": [ { "Path": "{{path}}.pem", "KeyPath": "{{path}}.key" } ] }""";
    }
}
