using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Health;

/// <summary>
/// YARP's probes, of which it is said whether they go to another server than requests do: a health page on a port of its own need not
/// speak the protocol of its cluster.
/// </summary>
internal sealed class ProbingRequests(IProbingRequestFactory inner) : IProbingRequestFactory
{
    public HttpRequestMessage CreateRequest(ClusterModel cluster, DestinationModel destination)
    {
        var probe = inner.CreateRequest(cluster, destination);
        if (IsApart(destination.Config))
        {
            ProbedAddress.MayTryHttp1(probe);
        }

        return probe;
    }

    /// <summary>Without TLS, where nobody negotiates the protocol, and at another host or port.</summary>
    private static bool IsApart(DestinationConfig destination) =>
        Uri.TryCreate(destination.Health, UriKind.Absolute, out var health) && health.Scheme == Uri.UriSchemeHttp
        && Uri.TryCreate(destination.Address, UriKind.Absolute, out var address)
        && !health.Authority.Equals(address.Authority, StringComparison.OrdinalIgnoreCase);
}
