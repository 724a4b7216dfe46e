using System.Net;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>A 426 says which protocol it asks for (RFC 9110, 15.5.22); YARP drops `Upgrade`. HTTP/2 has no such field.</summary>
internal sealed class UpgradeRequired : ResponseTransform
{
    public override ValueTask ApplyAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is { StatusCode: HttpStatusCode.UpgradeRequired } response
            && context.HttpContext.Response is { StatusCode: StatusCodes.Status426UpgradeRequired, Headers: var fields }
            && HttpProtocol.IsHttp11(context.HttpContext.Request.Protocol)
            && response.Headers.NonValidated.TryGetValues("Upgrade", out var protocols))
        {
            fields.Upgrade = protocols.ToString();
            fields.Connection = "keep-alive, Upgrade";
        }

        return default;
    }
}
