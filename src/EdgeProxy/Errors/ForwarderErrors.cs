using System.Net.Sockets;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Errors;

/// <summary>What YARP's forwarder reports, in words of the catalogue.</summary>
internal static class ForwarderErrors
{
    public static EdgeError ToEdgeError(IForwarderErrorFeature feature) => feature.Error switch
    {
        ForwarderError.NoAvailableDestinations => EdgeErrors.NoHealthyDestination,
        ForwarderError.RequestTimedOut => EdgeErrors.DeadlineExceeded,
        _ when feature.Exception?.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
            => EdgeErrors.UpstreamConnectionRefused,
        _ => EdgeErrors.UpstreamConnectionReset,
    };
}
