using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EdgeProxy.IntegrationTests.Peers;
using Xunit;

namespace EdgeProxy.IntegrationTests.Errors;

/// <summary>Connections to an upstream that never come to a request: a code each.</summary>
public sealed class UpstreamSetupTests
{
    private const string Trusting = "\"HttpClient\": { \"DangerousAcceptAnyServerCertificate\": true }";

    [Fact]
    public async Task An_upstream_that_does_not_accept_is_a_connect_timeout()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var waiting = await FillAsync(listener.LocalEndPoint!);
        await using var edge = await Edge.StartAsync(Edge.OneRoute($"http://{listener.LocalEndPoint}/"));

        await ExpectAsync(edge, 504, "upstream_connect_timeout");

        waiting.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_its_own_code()
    {
        using var certificate = SelfSigned();
        await using var upstream = Tls(new SslServerAuthenticationOptions { ServerCertificate = certificate });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(Https(upstream)));

        await ExpectAsync(edge, 502, "upstream_tls_certificate");
    }

    [Fact]
    public async Task An_upstream_that_speaks_no_TLS_is_a_failed_handshake()
    {
        await using var upstream = RawUpstream.Start(async connection => await connection.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(Https(upstream)));

        await ExpectAsync(edge, 502, "upstream_tls_handshake");
    }

    [Fact]
    public async Task An_upstream_that_hangs_up_in_the_handshake_is_a_failed_handshake()
    {
        await using var upstream = RawUpstream.Start(async connection => await connection.ReadExactlyAsync(5));
        await using var edge = await Edge.StartAsync(Edge.OneRoute(Https(upstream)));

        await ExpectAsync(edge, 502, "upstream_tls_handshake");
    }

    [Fact]
    public async Task An_upstream_that_refuses_the_handshake_in_words_is_an_alert()
    {
        // An alert as RFC 8446 writes it: fatal, handshake_failure.
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadExactlyAsync(5);
            await connection.SendAsync([21, 3, 3, 0, 2, 2, 40]);
            await connection.StayAsync();
        });
        await using var edge = await Edge.StartAsync(Edge.OneRoute(Https(upstream), cluster: Trusting));

        await ExpectAsync(edge, 502, "upstream_tls_alert");
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2")]
    public async Task A_request_over_TLS_that_is_cut_has_been_sent_once(string version)
    {
        using var certificate = SelfSigned();
        await using var upstream = Tls(new SslServerAuthenticationOptions { ServerCertificate = certificate }, version == "2");
        await using var edge = await Edge.StartAsync(Edge.OneRoute(
            Https(upstream),
            cluster: Trusting + $$""", "HttpRequest": { "Version": "{{version}}", "VersionPolicy": "RequestVersionExact" } """));

        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal(1, upstream.Connections);
    }

    /// <summary>Takes the handshake, reads what comes first, and hangs up.</summary>
    private static RawUpstream Tls(SslServerAuthenticationOptions options, bool http2 = false)
    {
        options.ApplicationProtocols = http2 ? [SslApplicationProtocol.Http2] : null;
        return RawUpstream.Start(async connection =>
        {
            await using var tls = new SslStream(connection.Stream);
            try
            {
                await tls.AuthenticateAsServerAsync(options);
                await tls.ReadAtLeastAsync(new byte[64], 1, throwOnEndOfStream: false);
            }
            catch (AuthenticationException)
            {
                // The edge did not like the certificate.
            }
        });
    }

    private static string Https(RawUpstream upstream) => upstream.Address.Replace("http:", "https:", StringComparison.Ordinal);

    private static X509Certificate2 SelfSigned()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Connects until a connection is not answered any more: the queue of the listener is full.</summary>
    private static async Task<List<Socket>> FillAsync(EndPoint listener)
    {
        var sockets = new List<Socket>();
        while (true)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            try
            {
                await socket.ConnectAsync(listener, patience.Token);
            }
            catch (OperationCanceledException)
            {
                return sockets;
            }
        }
    }

    private static async Task ExpectAsync(Edge edge, int status, string code)
    {
        using var answer = await edge.Client.GetAsync("/", Wait.Deadline);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Wait.Deadline);
        Assert.Equal((status, code), ((int)answer.StatusCode, problem.GetProperty("code").GetString()));
    }
}
