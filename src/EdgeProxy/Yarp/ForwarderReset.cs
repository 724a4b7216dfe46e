using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Yarp;

/// <summary>
/// YARP's forwarder has CANCEL and INTERNAL_ERROR the wrong way round: it cuts an answer that the upstream broke off with CANCEL, which
/// clients read as a cancel of their own. This turns them back, on the way to the client's stream.
/// </summary>
internal sealed class ForwarderReset(IHttpResetFeature stream) : IHttpResetFeature
{
    private const int InternalError = 2;
    private const int Cancel = 8;

    public void Reset(int errorCode) => stream.Reset(errorCode switch
    {
        Cancel => InternalError,
        InternalError => Cancel,
        _ => errorCode,
    });
}
