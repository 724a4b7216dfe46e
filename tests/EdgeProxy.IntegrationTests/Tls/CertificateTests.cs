using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;
using EdgeProxy.IntegrationTests.Peers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EdgeProxy.IntegrationTests.Tls;

/// <summary>An https listener, asked by real handshakes.</summary>
public sealed class CertificateTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;
    private Upstream _upstream = null!;
    private Gateway _gateway = null!;

    private Uri Address => new(_gateway.Addresses.First());

    public async ValueTask InitializeAsync()
    {
        _upstream = await Upstream.StartAsync("over tls");
        Write("first", "a.example");
        Write("second", "b.example", "*.wild.example");
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Document("first", "second"));
        var read = ConfigurationReader.Read(_folder, TimeProvider.System);
        Assert.Empty(read.Faults);
        _gateway = Gateway.Create(new RunOptions { ConfigPath = _folder }, read.Revision!);
        await _gateway.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.StopAsync();
        await _gateway.DisposeAsync();
        await _upstream.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("a.example", "a.example")]
    [InlineData("B.EXAMPLE", "b.example")]
    [InlineData("x.wild.example", "b.example")]
    [InlineData("x.y.wild.example", "a.example")]
    [InlineData("nobody.example", "a.example")]
    public async Task A_certificate_is_chosen_by_name_and_the_first_answers_when_none_fits(string asked, string answered)
    {
        Assert.Equal(answered, (await ShakeHandsAsync(asked)).Subject);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Http_2_is_agreed_on_in_the_handshake(bool http2)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, Address)
        {
            Version = http2 ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var answer = await client.SendAsync(request);
        Assert.Equal("over tls", await answer.Content.ReadAsStringAsync());
        Assert.Equal(http2 ? HttpVersion.Version20 : HttpVersion.Version11, answer.Version);
        Assert.Equal(http2 ? "h2" : "http/1.1", (await ShakeHandsAsync("a.example", http2 ? "h2" : "http/1.1")).Protocol);
    }

    [Fact]
    public async Task A_certificate_whose_file_changes_is_used_and_a_broken_one_is_not()
    {
        var old = await ShakeHandsAsync("a.example");
        await File.WriteAllTextAsync(Path.Combine(_folder, "first.pem"), "nonsense");
        _gateway.Services.GetRequiredService<EdgeProxy.Tls.CertificateStore>().Refresh();
        Assert.Equal(old.Serial, (await ShakeHandsAsync("a.example")).Serial);
        var status = _gateway.Services.GetRequiredService<ReloadStatus>();
        await Wait.UntilAsync(
            () => Task.FromResult(status.CertificateWarning?.Contains("old certificates", StringComparison.Ordinal) == true), "it is said");

        Write("first", "a.example");
        await Wait.UntilAsync(() => Task.FromResult(status.CertificateWarning is null), "nothing is left to say");
        await Wait.UntilAsync(async () => (await ShakeHandsAsync("a.example")).Serial != old.Serial, "the new certificate is used");
    }

    [Fact]
    public async Task A_certificate_whose_key_is_written_a_moment_later_is_used()
    {
        var old = await ShakeHandsAsync("a.example");
        var store = _gateway.Services.GetRequiredService<EdgeProxy.Tls.CertificateStore>();
        var status = _gateway.Services.GetRequiredService<ReloadStatus>();
        var fresh = Directory.CreateDirectory(Path.Combine(_folder, "fresh")).FullName;
        TestCertificate.Write(fresh, "first", "a.example");

        File.Copy(Path.Combine(fresh, "first.pem"), Path.Combine(_folder, "first.pem"), overwrite: true);
        store.Refresh();
        await Wait.UntilAsync(() => status.CertificateWarning is not null, "it is said that the key is another one's");
        Assert.Equal(old.Serial, (await ShakeHandsAsync("a.example")).Serial);
        File.Copy(Path.Combine(fresh, "first.key"), Path.Combine(_folder, "first.key"), overwrite: true);

        await Wait.UntilAsync(async () => (await ShakeHandsAsync("a.example")).Serial != old.Serial, "the new certificate is used");
        Assert.Null(status.CertificateWarning);
    }

    [Fact]
    public async Task A_certificate_that_breaks_in_the_same_way_again_is_said_again()
    {
        var file = Path.Combine(_folder, "first.pem");
        var good = await File.ReadAllBytesAsync(file);
        var status = _gateway.Services.GetRequiredService<ReloadStatus>();
        for (var i = 0; i < 2; i++)
        {
            await File.WriteAllTextAsync(file, "nonsense");
            await Wait.UntilAsync(() => status.CertificateWarning is not null, "it is said");
            await File.WriteAllBytesAsync(file, good);
            await Wait.UntilAsync(() => status.CertificateWarning is null, "nothing is left to say");
        }
    }

    [Fact]
    public async Task A_pipe_where_a_certificate_was_holds_up_neither_the_look_at_it_nor_a_check()
    {
        var old = await ShakeHandsAsync("a.example");
        var file = Path.Combine(_folder, "first.pem");
        File.Delete(file);
        using (var fifo = Process.Start("mkfifo", [file]))
        {
            await fifo.WaitForExitAsync();
        }

        await Task.Run(_gateway.Services.GetRequiredService<EdgeProxy.Tls.CertificateStore>().Refresh).WaitAsync(Wait.Patience);
        Assert.Equal(old.Serial, (await ShakeHandsAsync("a.example")).Serial);
        var status = _gateway.Services.GetRequiredService<ReloadStatus>();
        await Wait.UntilAsync(
            () => status.CertificateWarning?.Contains("is a pipe, not a regular file", StringComparison.Ordinal) == true, "it is said");

        var read = await Task.Run(() => ConfigurationReader.Read(_folder, TimeProvider.System)).WaitAsync(Wait.Patience);
        Assert.Equal("invalid_certificate", Assert.Single(read.Faults).Code);
    }

    [Fact]
    public async Task A_certificate_that_a_reload_adds_is_used_without_a_restart()
    {
        Write("third", "c.example");
        await File.WriteAllTextAsync(Path.Combine(_folder, "edgeproxy.json"), Document("first", "second", "third"));
        await Wait.UntilAsync(async () => (await ShakeHandsAsync("c.example")).Subject == "c.example", "the third one is used");
    }

    [Fact]
    public async Task A_certificate_near_its_end_is_shown_and_said_once_a_day()
    {
        var end = new DateTimeOffset(X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_folder, "first.pem")).NotAfter);
        using var scraper = new HttpClient { BaseAddress = new Uri(_gateway.AdminAddress) };
        await Wait.UntilAsync(
            async () => (await scraper.GetStringAsync("/metrics")).Contains(
                $"edgeproxy_certificate_expiry_timestamp_seconds{{listener=\"0\"}} {end.ToUnixTimeSeconds()}\n", StringComparison.Ordinal),
            "the gauge shows the end");

        var log = new Log();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(log));
        var clock = new Clock();
        var expiry = new EdgeProxy.Tls.CertificateExpiry(
            _gateway.Services.GetRequiredService<EdgeProxy.Tls.CertificateStore>(), clock,
            loggers.CreateLogger<EdgeProxy.Tls.CertificateExpiry>());
        foreach (var (before, lines) in new[] { (15d, 0), (13.9, 1), (13.5, 1), (12.8, 2), (-0.1, 3), (-0.2, 3) })
        {
            clock.Now = end - TimeSpan.FromDays(before);
            expiry.Look();
            Assert.Equal(lines, log.Entries(LogLevel.Warning).Count);
        }

        Assert.Contains("has ended", Assert.Single(log.Entries(LogLevel.Error)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_listener_whose_certificate_cannot_be_read_is_told_before_the_start()
    {
        var listener = new ListenerOptions
        {
            Url = "https://127.0.0.1:0",
            Certificates = [new CertificateOptions(Path.Combine(_folder, "none.pem"), Path.Combine(_folder, "none.key"))],
        };
        var obstacle = EdgeProxy.Tls.CertificateStore.Obstacle(new EdgeOptions { Listen = [listener] });
        Assert.Contains("none.pem", obstacle, StringComparison.Ordinal);
    }

    private async Task<(string Subject, string Serial, string Protocol)> ShakeHandsAsync(string name, string protocol = "h2")
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(Address.Host, Address.Port);
        await using var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ApplicationProtocols = [new SslApplicationProtocol(protocol)],
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        using var certificate = new X509Certificate2(tls.RemoteCertificate!);
        return (certificate.GetNameInfo(X509NameType.SimpleName, false), certificate.SerialNumber,
            tls.NegotiatedApplicationProtocol.ToString());
    }

    private void Write(string file, params string[] names) => TestCertificate.Write(_folder, file, names);

    private string Document(params string[] certificates) => $$"""
        {
          "Edge": {
            "Listen": [ { "Url": "https://127.0.0.1:0", "Certificates": [
              {{string.Join(", ", certificates.Select(c => $$"""{ "Path": "{{c}}.pem", "KeyPath": "{{c}}.key" }"""))}} ] } ],
            "Admin": { "Listen": "http://127.0.0.1:0" }
          },
          {{Edge.OneRoute(_upstream.Address, "\"Timeout\": \"1m\"")}}
        }
        """;

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
