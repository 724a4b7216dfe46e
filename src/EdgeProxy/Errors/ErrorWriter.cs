using System.Globalization;
using System.Text.Json;

namespace EdgeProxy.Errors;

/// <summary>Writes an error answer: RFC 9457, and RFC 9209 beside it.</summary>
internal static class ErrorWriter
{
    public static Task WriteAsync(HttpContext context, EdgeFailure failure)
    {
        var edge = context.Edge();
        var options = edge.Revision.Edge;
        var error = failure.Error;
        var response = context.Response;

        edge.AnsweredByEdge = true;
        response.StatusCode = error.Status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        response.Headers["Proxy-Status"] = $"{options.Name}; error={error.ProxyStatus}; details=\"{error.Code}\"";
        if (failure.RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        var body = Body(edge, failure, context.Request.Method);
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static byte[] Body(EdgeContext edge, EdgeFailure failure, string method)
    {
        var error = failure.Error;
        using var buffer = new MemoryStream(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", edge.Revision.Edge.Errors.TypeBase + error.Code);
            json.WriteString("title", error.Title);
            json.WriteNumber("status", error.Status);
            json.WriteString("detail", error.Detail);
            json.WriteString("instance", "urn:request:" + edge.RequestId);
            json.WriteString("code", error.Code);
            json.WriteString("requestId", edge.RequestId);
            json.WriteString("source", error.Source switch
            {
                ErrorSource.Client => "client",
                ErrorSource.Policy => "policy",
                ErrorSource.Edge => "edge",
                _ => "upstream",
            });
            json.WriteBoolean("retryable", IsRetryable(error.Retryable, method));
            if (failure.RetryAfterSeconds is { } seconds)
            {
                json.WriteNumber("retryAfter", seconds);
            }

            if (failure.ViolatedPolicies.Count > 0)
            {
                json.WriteStartArray("violated-policies");
                foreach (var policy in failure.ViolatedPolicies)
                {
                    json.WriteStringValue(policy);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static bool IsRetryable(Retryable retryable, string method) => retryable switch
    {
        Retryable.Yes or Retryable.After => true,
        Retryable.IfIdempotent => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsPut(method)
            || HttpMethods.IsDelete(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method),
        _ => false,
    };
}
