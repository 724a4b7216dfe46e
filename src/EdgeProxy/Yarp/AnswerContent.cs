using System.Net;

namespace EdgeProxy.Yarp;

/// <summary>The content of a destination's answer, and what takes its place to watch over its body.</summary>
internal static class AnswerContent
{
    /// <summary>An answer to HEAD, and one that says that nothing has changed, tell the length of a body that they do not have.</summary>
    public static bool HasBody(HttpRequestMessage request, HttpResponseMessage answer) =>
        request.Method != HttpMethod.Head && answer.StatusCode is not (HttpStatusCode.NotModified or HttpStatusCode.NoContent);

    /// <summary>A body with the fields of the content that it was read from.</summary>
    public static HttpContent Like(HttpContent content, Stream body)
    {
        var own = new StreamContent(body);
        content.Headers.CopyTo(own.Headers);
        return own;
    }
}
