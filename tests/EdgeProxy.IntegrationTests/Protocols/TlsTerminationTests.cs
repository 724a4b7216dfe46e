using System.Net;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace EdgeProxy.IntegrationTests.Protocols;

/// <summary>A real haproxy that ends TLS before the edge and goes on without it: the scheme is the one that the client used.</summary>
public sealed class TlsTerminationTests
{
    [Theory]
    [InlineData(true, 2, "proto h2")]
    [InlineData(true, 1, "proto h2")]
    [InlineData(true, 2, "")]
    [InlineData(true, 1, "")]
    [InlineData(false, 2, "proto h2")]
    [InlineData(false, 1, "proto h2")]
    [InlineData(false, 2, "")]
    [InlineData(false, 1, "")]
    public async Task A_request_through_haproxy_arrives(bool isTls, int version, string server)
    {
        var folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
        TestCertificate.Write(folder, "site", "localhost");
        var (chain, key, both) = (Path.Combine(folder, "site.pem"), Path.Combine(folder, "site.key"), Path.Combine(folder, "both.pem"));
        await File.WriteAllTextAsync(both, $"{await File.ReadAllTextAsync(chain)}\n{await File.ReadAllTextAsync(key)}");
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsync($"{context.Request.Method} {context.Request.Headers["X-Forwarded-Proto"]}"));
        await using var edge = await Edge.StartAsync(
            Edge.OneRoute(upstream.Address), "\"TrustedProxies\": [ \"127.0.0.0/8\" ]");
        await using var haproxy = await ServerProcess.HaproxyBetweenAsync(
            edge.Uri, isTls ? $"ssl crt {both} alpn h2,http/1.1" : "", server);
        using var handler = new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        };
        using var client = new HttpClient(handler)
        {
            BaseAddress = new Uri($"{(isTls ? "https" : "http")}://127.0.0.1:{haproxy.Port}/"),
            DefaultRequestVersion = new Version(version, version == 1 ? 1 : 0),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var got = await client.GetAsync("/a?b=1", Wait.Deadline);
        using var posted = await client.PostAsync("/a", new ByteArrayContent(new byte[100_000]), Wait.Deadline);

        // Only HTTP/2 names the scheme to the edge; on HTTP/1.1 a proxy says X-Forwarded-Proto, which this one does not. A request of
        // HTTP/1.1 names none to haproxy either, which then says https over HTTP/2.
        var scheme = server.Length > 0 && (isTls || version == 1) ? "https" : "http";
        Assert.Equal(HttpStatusCode.OK, got.StatusCode);
        Assert.Equal($"GET {scheme}", await got.Content.ReadAsStringAsync());
        Assert.Equal($"POST {scheme}", await posted.Content.ReadAsStringAsync());
        Directory.Delete(folder, recursive: true);
    }
}
