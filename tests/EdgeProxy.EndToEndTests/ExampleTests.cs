using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>Every sample in config/ is served by the published product, on free ports.</summary>
public sealed partial class ExampleTests
{
    private static readonly string Samples = Path.Combine(Product.RepositoryRoot, "config");

    /// <summary>The files of config/ and of config/examples, and the folders there, each of which is one configuration.</summary>
    public static TheoryData<string> Configurations() => [.. Directory.EnumerateFiles(Path.Combine(Samples, "examples"), "*.json")
        .Concat(Directory.EnumerateDirectories(Path.Combine(Samples, "examples")))
        .Append(Path.Combine(Samples, "edgeproxy.json"))
        .Append(Samples)
        .Select(path => Path.GetRelativePath(Samples, path))
        .Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Configurations))]
    public async Task A_sample_is_served(string sample)
    {
        using var folder = new Folder();
        WriteCertificate(folder);
        var scheme = sample.Contains("tls", StringComparison.Ordinal) ? "https" : "http";
        var environment = new Dictionary<string, string>
        {
            ["EDGE_LISTEN"] = $"{scheme}://127.0.0.1:0",
            ["EDGE_ADMIN_LISTEN"] = "http://127.0.0.1:0",
            ["REDIS"] = "127.0.0.1:1", // nobody there: the edge serves without it
            ["CERTIFICATE"] = Path.Combine(folder.Path, "site.pem"),
            ["CERTIFICATE_KEY"] = Path.Combine(folder.Path, "site.key"),
        };
        var path = Path.Combine(Samples, sample);
        await using var edge = Product.Start(folder.Path, environment, "run", "--config", path, "--state", folder.Path);

        var admin = AdminAddress().Match(await edge.LineAsync("Ready:")).Groups[1].Value;

        using var client = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync($"{admin}/readyz")).StatusCode);
        await edge.SignalAsync("TERM");
        Assert.Equal(0, await edge.ExitAsync());
        Assert.DoesNotContain("warning", edge.Output);
    }

    private static void WriteCertificate(Folder folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        folder.Write("site.pem", certificate.ExportCertificatePem());
        folder.Write("site.key", key.ExportPkcs8PrivateKeyPem());
    }

    [GeneratedRegex(@"admin on (\S+)")]
    private static partial Regex AdminAddress();
}
