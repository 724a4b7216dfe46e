using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;

namespace EdgeProxy.Fallbacks;

/// <summary>Answers that the edge keeps, given to a client as if a destination had sent them: the route's transforms apply.</summary>
internal static class FallbackAnswer
{
    /// <summary>Not for gRPC and upgrades: what is kept means nothing to who expects messages or another protocol.</summary>
    public static bool IsFor(HttpContext client) =>
        !client.AsksForUpgrade() && !GrpcAnswer.IsExpected(client.Request.ContentType);

    public static HttpResponseMessage Of(StaticAnswer answer)
    {
        var message = new HttpResponseMessage((HttpStatusCode)answer.Status) { Content = new ReadOnlyMemoryContent(answer.Body) };
        message.Headers.TryAddWithoutValidation("Cache-Control", "no-store");
        message.Content.Headers.TryAddWithoutValidation("Content-Type", answer.ContentType);
        return message;
    }

    /// <summary>Writes <paramref name="answer"/>; nothing of an earlier one is left on the response.</summary>
    public static async Task WriteAsync(HttpContext client, HttpResponseMessage answer, ReadOnlyMemory<byte> body)
    {
        ErrorWriter.StartAfresh(client, failure: null);
        client.Edge().AnsweredByEdge = true;
        var proxy = client.GetReverseProxyFeature();
        if (proxy.Cluster.Config.SessionAffinity is not null)
        {
            OtherCluster.Assign(client, proxy.Route.Cluster!); // no destination is behind it that a session could be bound to
        }

        var response = client.Response;
        response.StatusCode = (int)answer.StatusCode;
        await proxy.Route.Transformer.TransformResponseAsync(client, answer, CancellationToken.None);
        if (IsBodiless(response.StatusCode))
        {
            response.ContentLength = null;
            return;
        }

        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(client.Request.Method))
        {
            await response.Body.WriteAsync(body, CancellationToken.None);
        }
    }

    private static bool IsBodiless(int status) =>
        status is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified;
}
