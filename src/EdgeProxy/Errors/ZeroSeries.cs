using EdgeProxy.Metrics;
using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Errors;

/// <summary>
/// Shows the failures of each configured route at 0 before the first of them. A counter that is born with its first failures has no
/// increase that anybody could see: the first burst after a start would be in no ratio and in no alert. The likeliest come first, since
/// their number is bounded over all routes.
/// </summary>
internal sealed class ZeroSeries(RequestMetrics requests, ErrorMetrics errors) : IConfigChangeListener
{
    /// <summary>Series of one metric that are made so.</summary>
    public const int Most = 5_000;

    private static readonly string[] AnyMethods = ["GET", "POST"];

    /// <summary>Status, and who makes it.</summary>
    private static readonly (int Code, string MadeBy)[] Answers =
    [
        (503, RequestLabels.Edge), (502, RequestLabels.Edge), (504, RequestLabels.Edge), (500, RequestLabels.Upstream),
        (503, RequestLabels.Upstream), (200, RequestLabels.Upstream), (502, RequestLabels.Upstream), (504, RequestLabels.Upstream),
    ];

    private static readonly EdgeError[] Errors =
    [
        EdgeErrors.UpstreamConnectionRefused, EdgeErrors.CircuitOpen, EdgeErrors.UpstreamConnectionReset,
        EdgeErrors.UpstreamResponseTimeout, EdgeErrors.DeadlineExceeded, EdgeErrors.UpstreamConnectTimeout, EdgeErrors.NoHealthyDestination,
        EdgeErrors.UpstreamIdleTimeout,
        EdgeErrors.UpstreamResponseTruncated, EdgeErrors.DnsError, EdgeErrors.UpstreamUnroutable, EdgeErrors.UpstreamProtocolError,
        EdgeErrors.UpstreamTlsHandshake, EdgeErrors.UpstreamTlsCertificate, EdgeErrors.UpstreamTlsAlert, EdgeErrors.UpstreamWriteTimeout,
        EdgeErrors.Overloaded, EdgeErrors.RateLimiterUnavailable, EdgeErrors.SocketsExhausted, EdgeErrors.InternalError,
    ];

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs) =>
        Show([.. proxyConfigs.SelectMany(config => config.Routes)]);

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
    }

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    private void Show(IReadOnlyList<RouteConfig> routes)
    {
        var room = Most / Math.Max(1, routes.Count);
        foreach (var route in routes)
        {
            foreach (var error in Errors.Take(room))
            {
                errors.Show(error, route.RouteId);
            }

            var methods = route.Match.Methods is { Count: > 0 } own ? own : AnyMethods;
            foreach (var (answer, method) in Answers.SelectMany(_ => methods, (answer, method) => (answer, method)).Take(room))
            {
                requests.Show(route.RouteId, RequestLabels.Method(method.ToUpperInvariant()), answer.Code, answer.MadeBy);
            }
        }
    }
}
