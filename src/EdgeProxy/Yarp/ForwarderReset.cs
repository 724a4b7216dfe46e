using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Yarp;

/// <summary>
/// YARP's forwarder cuts some answers with CANCEL, which clients read as a cancel of their own: those that the upstream broke off, or, in
/// another version, those that the route's time has run out for. Whatever cuts an answer here is INTERNAL_ERROR; a client that has
/// cancelled hears neither.
/// </summary>
internal sealed class ForwarderReset(IHttpResetFeature stream) : IHttpResetFeature
{
    private const int InternalError = 2;

    public void Reset(int errorCode) => stream.Reset(InternalError);
}
