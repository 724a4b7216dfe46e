using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Errors;

/// <summary>Writes an error answer in the form that the request asks for. Nothing of an earlier answer is left on it.</summary>
internal static class ErrorWriter
{
    public static Task WriteAsync(HttpContext context, EdgeFailure failure)
    {
        var edge = context.Edge();
        edge.AnsweredByEdge = !failure.IsUpstreams;
        StartAfresh(context, failure);
        context.Response.StatusCode = failure.Status;
        WriteFields(context.Response, failure, edge);
        if (!failure.IsUpstreams && edge.Route is { FailureFields: { IsEmpty: false } changes })
        {
            RouteFields.Apply(context.Response.Headers, changes); // on an upstream's they are already
        }

        var request = context.Request;
        if (GrpcAnswer.IsExpected(request.ContentType))
        {
            GrpcAnswer.Write(context, failure.Error);
            return Task.CompletedTask;
        }

        context.Response.Headers.Vary = WithAccept(context.Response.Headers.Vary);
        var body = Negotiate(context, failure, edge);
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(body).AsTask();
    }

    /// <summary>The body's form depends on `Accept`; what else the response depends on stays.</summary>
    private static StringValues WithAccept(StringValues vary) =>
        StringValues.IsNullOrEmpty(vary) ? "Accept"
        : vary.ToString().Split(',', StringSplitOptions.TrimEntries).Any(
            name => name == "*" || name.Equals("Accept", StringComparison.OrdinalIgnoreCase)) ? vary
        : StringValues.Concat(vary, "Accept");

    private static byte[] Negotiate(HttpContext context, EdgeFailure failure, EdgeContext edge)
    {
        if (Acceptance.PrefersHtml(context.Request.Headers.Accept))
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            return ErrorBody.Page(failure, edge.RequestId);
        }

        context.Response.ContentType = "application/problem+json";
        return ErrorBody.Problem(
            failure, edge.Revision.Edge.Errors.TypeBase, context.Request.Method, edge.RequestId, edge.TraceId);
    }

    /// <summary>Takes everything off the response but the fields that are about the request rather than about its answer.</summary>
    /// <param name="failure">What is to be told instead; null: no failure.</param>
    public static void StartAfresh(HttpContext context, EdgeFailure? failure)
    {
        var edge = context.Edge();
        var error = failure?.Error;
        var headers = context.Response.Headers;
        var upstreams = failure is { IsUpstreams: true } ? UpstreamFields.Of(headers) : null;
        var connection = headers.Connection;
        var limit = headers["RateLimit"];
        var policy = headers["RateLimit-Policy"];
        var allow = error == EdgeErrors.MethodNotAllowed ? headers.Allow : default;
        var authenticate = error?.Status == StatusCodes.Status401Unauthorized ? headers.WWWAuthenticate : default;

        context.Response.Clear();
        upstreams?.ForEach(headers.Add);
        headers[EdgeFields.RequestId] = edge.RequestId;
        Restore(headers, "Connection", connection);
        Restore(headers, "RateLimit", limit);
        Restore(headers, "RateLimit-Policy", policy);
        Restore(headers, "Allow", allow);
        Restore(headers, "WWW-Authenticate", authenticate);
        if (error is not null && EndsConnection(error) && HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            headers.Connection = "close";
        }
    }

    private static void Restore(IHeaderDictionary headers, string name, StringValues values)
    {
        if (values.Count > 0)
        {
            headers[name] = values;
        }
    }

    private static void WriteFields(HttpResponse response, EdgeFailure failure, EdgeContext edge)
    {
        var name = edge.Revision.Edge.Name;
        response.Headers.CacheControl = "no-store";
        if (edge.AttemptsMade > 1)
        {
            response.Headers[EdgeFields.AttemptCount] = edge.AttemptsMade.ToString(CultureInfo.InvariantCulture);
        }

        if (failure.IsUpstreams)
        {
            var before = response.Headers[EdgeFields.ProxyStatus];
            response.Headers[EdgeFields.ProxyStatus] = UpstreamFields.Status(before, failure, name);
            return; // Retry-After is the upstream's
        }

        response.Headers[EdgeFields.ProxyStatus] = ProxyStatus(failure.Error, name);
        if (failure.RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
    }

    public static string ProxyStatus(EdgeError error, string name) => $"{name}; error={error.ProxyStatus}; details=\"{error.Code}\"";

    /// <summary>What follows such a request on an HTTP/1.1 connection may be a part of it.</summary>
    private static bool EndsConnection(EdgeError error) =>
        error == EdgeErrors.AmbiguousFraming || error == EdgeErrors.MalformedRequest
        || error == EdgeErrors.BodyTooLarge || error == EdgeErrors.RequestTimeout
        || error == EdgeErrors.HeaderTooLarge || error == EdgeErrors.TooManyHeaders;
}
