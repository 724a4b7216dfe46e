using System.Diagnostics.Metrics;
using EdgeProxy.Metrics;

namespace EdgeProxy.Tls;

/// <summary>When the certificates in use end: a gauge for whoever watches, and a line of log a day in the last two weeks.</summary>
internal sealed partial class CertificateExpiry(CertificateStore certificates, TimeProvider time, ILogger<CertificateExpiry> logger)
{
    /// <summary>How long before its end a certificate is spoken of. Whoever renews by machine does it earlier.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromDays(14);

    private static readonly TimeSpan Period = TimeSpan.FromDays(1);

    /// <summary>What was last said of a listener, by its place.</summary>
    private readonly Dictionary<int, (DateTimeOffset End, DateTimeOffset At)> _said = [];

    /// <summary>Creates the instrument, once.</summary>
    public void Observe(IMeterFactory meters) => meters.CreateEdgeMeter().CreateObservableGauge(
        "edgeproxy_certificate_expiry_timestamp_seconds",
        () => certificates.Ends().Select(row => new Measurement<long>(
            row.End.ToUnixTimeSeconds(), new KeyValuePair<string, object?>("listener", row.Place.ToString()))),
        unit: "s",
        description: "When the first certificate of an https listener to end does so, in seconds since 1970.");

    /// <summary>Says what has to be said by now.</summary>
    public void Look()
    {
        var now = time.GetUtcNow();
        foreach (var (place, url, end) in certificates.Ends())
        {
            if (end - now > Notice || (_said.TryGetValue(place, out var said) && said.End == end && now - said.At < Period))
            {
                continue;
            }

            _said[place] = (end, now);
            if (end > now)
            {
                LogNear(logger, url, end, (int)(end - now).TotalDays);
            }
            else
            {
                LogEnded(logger, url, end);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A certificate of {Listener} ends at {End:u}, in {Days} days")]
    private static partial void LogNear(ILogger logger, string listener, DateTimeOffset end, int days);

    [LoggerMessage(Level = LogLevel.Error, Message = "A certificate of {Listener} has ended at {End:u}; clients refuse it")]
    private static partial void LogEnded(ILogger logger, string listener, DateTimeOffset end);
}
