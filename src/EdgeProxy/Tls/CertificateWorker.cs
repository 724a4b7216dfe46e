using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Tls;

/// <summary>Looks at the certificate files every second.</summary>
internal sealed class CertificateWorker(CertificateStore certificates, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            certificates.Refresh();
        }
    }
}
