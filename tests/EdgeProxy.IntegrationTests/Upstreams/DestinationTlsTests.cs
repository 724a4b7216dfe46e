using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Upstreams;

/// <summary>The name that a destination is spoken to under over TLS.</summary>
public sealed class DestinationTlsTests : IDisposable
{
    private const string Probed =
        ", \"HealthCheck\": { \"Active\": { \"Enabled\": true, \"Interval\": \"1h\", \"Policy\": \"ConsecutiveFailures\" } }";

    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
    private readonly ConcurrentBag<string> _names = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("1.1", "", "localhost")]
    [InlineData("2", "", "localhost")]
    [InlineData("1.1", ", \"Host\": \"orders.example:8443\"", "orders.example")]
    [InlineData("2", ", \"Host\": \"orders.example\"", "orders.example")]
    public async Task A_client_s_Host_has_no_part_in_TLS_with_a_destination(string version, string host, string name)
    {
        await using var upstream = Start(version);
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
                AddressOf(upstream),
                "\"Transforms\": [ { \"RequestHeaderOriginalHost\": \"true\" } ]",
                $$"""
                "HttpClient": { "DangerousAcceptAnyServerCertificate": true },
                "HttpRequest": { "Version": "{{version}}", "VersionPolicy": "RequestVersionExact" }
                {{(version == "2" ? "" : Probed)}}
                """)
            .Replace("/\" }", "/\"" + host + " }", StringComparison.Ordinal));
        foreach (var written in new[] { "evil.example", "10.0.0.1", "a_b.example", "xn--a.example" })
        {
            await RawClient.ExchangeAsync(edge.Uri, $"GET / HTTP/1.1\r\nHost: {written}\r\nConnection: close\r\n\r\n");
        }

        Assert.InRange(_names.Count, version == "2" ? 1 : 4, 20);
        Assert.All(_names, seen => Assert.Equal(name, seen));
    }

    [Fact]
    public async Task Hosts_of_clients_do_not_open_a_destination_s_breaker()
    {
        await using var upstream = Start("1.1");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            AddressOf(upstream),
            "\"Transforms\": [ { \"RequestHeaderOriginalHost\": \"true\" } ]",
            "\"HttpClient\": { \"DangerousAcceptAnyServerCertificate\": true }"));
        foreach (var number in Enumerable.Range(0, 20))
        {
            var answer = await RawClient.ExchangeAsync(
                edge.Uri, $"GET / HTTP/1.1\r\nHost: x{number}..example\r\nConnection: close\r\n\r\n");
            Assert.True(answer.Status is 200 or 400, answer.Text);
        }

        var last = await RawClient.ExchangeAsync(edge.Uri, "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        Assert.Equal(200, last.Status);
    }

    private static string AddressOf(RawUpstream upstream) =>
        upstream.Address.Replace("http://127.0.0.1", "https://localhost", StringComparison.Ordinal);

    /// <summary>Notes the name of each handshake; answers over HTTP/1.1, hangs up on HTTP/2.</summary>
    private RawUpstream Start(string version)
    {
        TestCertificate.Write(_folder, "site", "localhost");
        var pem = X509Certificate2.CreateFromPemFile(Path.Combine(_folder, "site.pem"), Path.Combine(_folder, "site.key"));
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateSelectionCallback = (_, name) =>
            {
                _names.Add(name ?? "");
                return pem;
            },
            ApplicationProtocols = version == "2" ? [SslApplicationProtocol.Http2] : null,
        };
        return RawUpstream.Start(async connection =>
        {
            await using var tls = new SslStream(connection.Stream);
            await tls.AuthenticateAsServerAsync(options);
            var bytes = new byte[8192];
            while (await tls.ReadAsync(bytes) > 0 && version != "2")
            {
                await tls.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            }
        });
    }
}
