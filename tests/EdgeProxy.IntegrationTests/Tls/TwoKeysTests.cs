using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Tls;

/// <summary>A name with two certificates, one with an elliptic key and one with RSA.</summary>
public sealed class TwoKeysTests : IDisposable
{
    private const string Elliptic = "1.2.840.10045.2.1";
    private const string Rsa = "1.2.840.113549.1.1.1";

    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;

    public TwoKeysTests()
    {
        TestCertificate.Write(_folder, "elliptic", "a.example");
        TestCertificate.WriteRsa(_folder, "rsa", "a.example");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("elliptic", "rsa")]
    [InlineData("rsa", "elliptic")]
    public async Task Each_client_gets_the_certificate_that_it_can_check(string first, string second)
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"), listen: Listener(first, second));

        Assert.Equal(Elliptic, await KeyAsync(edge, "a.example", null));
        Assert.Equal(Rsa, await KeyAsync(edge, "a.example", TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256));
        Assert.Equal(Elliptic, await KeyAsync(edge, "a.example", TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256));
        Assert.Equal(Rsa, await KeyAsync(edge, "other.example", TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256));
    }

    [Fact]
    public async Task A_client_that_says_no_TLS_or_half_of_it_is_let_go()
    {
        await using var edge = await Edge.StartAsync(Edge.OneRoute("http://127.0.0.1:1/"), listen: Listener("rsa", "elliptic"));
        foreach (var bytes in new[] { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u0016\u0003\u0001\u0000\u0002\u0001\u0000" })
        {
            using var client = await RawClient.OpenAsync(edge.Uri);
            await client.SendAsync(bytes);
            client.HalfClose();
        }

        Assert.Equal(Elliptic, await KeyAsync(edge, "a.example", null));
    }

    [Fact]
    public void A_certificate_that_no_client_gets_is_warned_of()
    {
        TestCertificate.Write(_folder, "again", "A.example");
        var file = Path.Combine(_folder, "edgeproxy.json");
        var sections = Edge.OneRoute("http://127.0.0.1:1/", "\"Timeout\": \"9s\"");
        File.WriteAllText(file, Edge.Document(sections, listen: Listener("elliptic", "rsa", "again")));

        var read = ConfigurationReader.Read(file, TimeProvider.System);

        Assert.NotNull(read.Revision);
        var warning = Assert.Single(read.Faults);
        Assert.Equal(("unused_certificate", FaultSeverity.Warning), (warning.Code, warning.Severity));
        Assert.Contains("again.pem", warning.Message, StringComparison.Ordinal);
    }

    private static async Task<string> KeyAsync(Edge edge, string name, TlsCipherSuite? only)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(edge.Uri.Host, edge.Uri.Port, Wait.Deadline);
        await using var tls = new SslStream(tcp.GetStream(), leaveInnerStreamOpen: false, (_, _, _, _) => true);
        var options = new SslClientAuthenticationOptions { TargetHost = name };
        if (only is { } suite)
        {
            options.EnabledSslProtocols = SslProtocols.Tls12;
            options.CipherSuitesPolicy = new CipherSuitesPolicy([suite]);
        }

        await tls.AuthenticateAsClientAsync(options, Wait.Deadline);
        return new X509Certificate2(tls.RemoteCertificate!).GetKeyAlgorithm();
    }

    private string Listener(params string[] files) => $$"""
        { "Url": "https://127.0.0.1:0", "Certificates": [
          {{string.Join(", ", files.Select(Certificate))}} ] }
        """;

    private string Certificate(string file) => $$"""{ "Path": "{{_folder}}/{{file}}.pem", "KeyPath": "{{_folder}}/{{file}}.key" }""";
}
