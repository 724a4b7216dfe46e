using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>A certificate that ends with the year 9999, as those without an end do, wherever the process runs.</summary>
public sealed class FarCertificateTests
{
    [Theory]
    [InlineData("Asia/Tokyo")]
    [InlineData("America/Los_Angeles")]
    public async Task An_edge_starts_with_a_certificate_without_an_end(string zone)
    {
        using var folder = new Folder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var end = new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), end);
        folder.Write("site.pem", certificate.ExportCertificatePem());
        folder.Write("site.key", key.ExportPkcs8PrivateKeyPem());
        folder.Write("edgeproxy.json", """
            {
              "Edge": {
                "Listen": [ { "Url": "https://127.0.0.1:0", "Certificates": [ { "Path": "site.pem", "KeyPath": "site.key" } ] } ],
                "Admin": { "Listen": "http://127.0.0.1:0" } },
              "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" } } },
                "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } }
              }
            }
            """);

        await using var edge = Product.Start(folder.Path, new Dictionary<string, string> { ["TZ"] = zone }, "run", "--config", folder.Path);

        var admin = (await edge.LineAsync("Ready: traffic on ")).Split(", admin on ")[1];
        using var client = new HttpClient();
        var metrics = await client.GetStringAsync(admin + "/metrics");
        var shown = metrics.Split("edgeproxy_certificate_expiry_timestamp_seconds{listener=\"0\"} ")[1].Split('\n')[0];
        Assert.InRange(long.Parse(shown), end.AddDays(-2).ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds());
    }
}
