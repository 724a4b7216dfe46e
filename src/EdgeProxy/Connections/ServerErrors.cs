using System.Text;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Connections;

/// <summary>What the server found wrong with a request, in words of the catalogue, and on HTTP/1.1 the answer to it.</summary>
internal static class ServerErrors
{
    /// <summary>Error codes of HTTP/2 (RFC 9113, section 7).</summary>
    public const uint FrameSizeError = 6, EnhanceYourCalm = 11;

    public static EdgeError ToEdgeError(BadHttpRequestException exception) => exception.StatusCode switch
    {
        StatusCodes.Status408RequestTimeout => EdgeErrors.RequestTimeout,
        StatusCodes.Status411LengthRequired => EdgeErrors.LengthRequired,
        StatusCodes.Status413PayloadTooLarge => EdgeErrors.BodyTooLarge,
        StatusCodes.Status414UriTooLong => EdgeErrors.UriTooLong,
        StatusCodes.Status431RequestHeaderFieldsTooLarge => IsAbout(exception, "Request contains too many headers")
            ? EdgeErrors.TooManyHeaders
            : EdgeErrors.HeaderTooLarge,
        StatusCodes.Status505HttpVersionNotsupported => EdgeErrors.HttpVersionNotSupported,
        _ when IsAbout(exception, "Request is missing Host", "Multiple Host", "Invalid Host") => EdgeErrors.InvalidHost,
        _ when IsAbout(exception, "Multiple Content-Length", "Invalid content length", "The message body length cannot")
            => EdgeErrors.AmbiguousFraming,
        _ when IsAbout(exception, "Invalid request target") => EdgeErrors.InvalidPath,
        _ => EdgeErrors.MalformedRequest,
    };

    /// <summary>
    /// What an error code in a frame of the server says of the client; null when it is about
    /// something else: an orderly end, a failure of ours, a stream given up or refused for now.
    /// </summary>
    public static EdgeError? OfHttp2(uint code)
    {
        const uint ProtocolError = 1, FlowControlError = 3, SettingsTimeout = 4, StreamClosed = 5, CompressionError = 9;
        return code switch
        {
            ProtocolError or FlowControlError or StreamClosed or FrameSizeError or CompressionError or EnhanceYourCalm
                => EdgeErrors.MalformedRequest,
            SettingsTimeout => EdgeErrors.RequestTimeout,
            _ => null,
        };
    }

    /// <summary>A whole answer in bytes. The connection ends with it.</summary>
    public static byte[] Answer(EdgeError error, EdgeOptions edge, string requestId, IHttpRequestFeature? request)
    {
        var failure = new EdgeFailure(error);
        var isPage = request is not null && Acceptance.PrefersHtml(request.Headers.Accept);
        var body = isPage
            ? ErrorBody.Page(failure, requestId)
            : ErrorBody.Problem(failure, edge.Errors.TypeBase, request?.Method ?? "", requestId, traceId: null);
        var head = Encoding.ASCII.GetBytes($"""
            HTTP/1.1 {error.Status} {ReasonPhrases.GetReasonPhrase(error.Status)}
            Content-Type: {(isPage ? "text/html; charset=utf-8" : "application/problem+json")}
            Content-Length: {body.Length}
            Connection: close
            Cache-Control: no-store
            Vary: Accept
            X-Request-Id: {requestId}
            Proxy-Status: {ErrorWriter.ProxyStatus(error, edge.Name)}


            """.ReplaceLineEndings("\r\n"));
        return request is not null && HttpMethods.IsHead(request.Method) ? head : [.. head, .. body];
    }

    /// <summary>The server's reasons are told apart by how its texts begin; what follows may be the client's own bytes.</summary>
    private static bool IsAbout(BadHttpRequestException exception, params ReadOnlySpan<string> beginnings)
    {
        foreach (var beginning in beginnings)
        {
            if (exception.Message.StartsWith(beginning, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
