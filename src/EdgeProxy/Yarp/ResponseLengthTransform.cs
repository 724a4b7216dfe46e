using System.Net;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Yarp;

/// <summary>A response keeps the length of its body also where the route does not copy fields: the length is framing.</summary>
internal sealed class ResponseLengthTransform : ResponseTransform
{
    private const string Length = "Content-Length";

    public override ValueTask ApplyAsync(ResponseTransformContext context)
    {
        if (context.ProxyResponse is { StatusCode: not HttpStatusCode.NoContent } response
            && response.Content.Headers.NonValidated.TryGetValues(Length, out var length))
        {
            context.HttpContext.Response.Headers[Length] = length.ToString();
        }

        return default;
    }
}
