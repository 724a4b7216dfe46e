using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Tls;

/// <summary>Looks at the certificate files every second.</summary>
internal sealed partial class CertificateWorker(
    CertificateStore certificates, CertificateExpiry expiry, IMeterFactory meters, TimeProvider time, ILogger<CertificateWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        expiry.Observe(meters);
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                certificates.Refresh();
                expiry.Look();
            }
            catch (Exception exception)
            {
                // A bug must not end the edge, nor the looking: the certificates in use are good for a while yet.
                LogFailed(logger, exception);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking at the certificates failed; those in use stay")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
