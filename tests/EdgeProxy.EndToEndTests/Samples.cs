using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.EndToEndTests;

/// <summary>The samples of config/ and what they need beside them.</summary>
internal static class Samples
{
    public static string Root { get; } = Path.Combine(Product.RepositoryRoot, "config");

    /// <summary>
    /// Paths under config/, each of which is one configuration: its own file and folder, and the files and folders of examples.
    /// </summary>
    public static IEnumerable<string> All() => Directory.EnumerateFiles(Path.Combine(Root, "examples"), "*.json")
        .Concat(Directory.EnumerateDirectories(Path.Combine(Root, "examples")))
        .Append(Path.Combine(Root, "edgeproxy.json"))
        .Append(Root)
        .Select(path => Path.GetRelativePath(Root, path))
        .Order(StringComparer.Ordinal);

    /// <summary>Free ports, a certificate in <paramref name="folder"/>, and a Redis that nobody answers for.</summary>
    public static Dictionary<string, string> Environment(string sample, Folder folder)
    {
        WriteCertificate(folder);
        return new Dictionary<string, string>
        {
            ["EDGE_LISTEN"] = $"{(sample.Contains("tls", StringComparison.Ordinal) ? "https" : "http")}://127.0.0.1:0",
            ["EDGE_ADMIN_LISTEN"] = "http://127.0.0.1:0",
            ["REDIS"] = "127.0.0.1:1",
            ["CERTIFICATE"] = Path.Combine(folder.Path, "site.pem"),
            ["CERTIFICATE_KEY"] = Path.Combine(folder.Path, "site.key"),
        };
    }

    /// <summary>A self-signed certificate for localhost as `site.pem` and `site.key`.</summary>
    public static void WriteCertificate(Folder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        folder.Write("site.pem", certificate.ExportCertificatePem());
        folder.Write("site.key", key.ExportPkcs8PrivateKeyPem());
    }
}
