using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// YARP's probes, and which of them may go over HTTP/1.1 instead of HTTP/2: a health page on a port of its own need not speak the
/// protocol of its cluster.
/// </summary>
internal sealed class ProbingRequests(IProbingRequestFactory inner) : IProbingRequestFactory
{
    public HttpRequestMessage CreateRequest(ClusterModel cluster, DestinationModel destination)
    {
        var probe = inner.CreateRequest(cluster, destination);
        if (RequiresHttp2(probe) && IsApart(destination.Config))
        {
            ProbedAddress.MayTryHttp1(probe);
        }

        return probe;
    }

    /// <summary>Without TLS, `RequestVersionOrLower` is HTTP/1.1 already.</summary>
    private static bool RequiresHttp2(HttpRequestMessage probe) =>
        probe is { Version.Major: 2, VersionPolicy: not HttpVersionPolicy.RequestVersionOrLower };

    /// <summary>Without TLS, where nobody negotiates the protocol, and at another host or port.</summary>
    private static bool IsApart(DestinationConfig destination) =>
        Uri.TryCreate(destination.Health, UriKind.Absolute, out var health) && health.Scheme == Uri.UriSchemeHttp
        && Uri.TryCreate(destination.Address, UriKind.Absolute, out var address)
        && !health.Authority.Equals(address.Authority, StringComparison.OrdinalIgnoreCase);
}
