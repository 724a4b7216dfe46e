using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EdgeProxy.Errors;

/// <summary>The words of an error answer: RFC 9457, or the same as a plain page.</summary>
internal static class ErrorBody
{
    /// <param name="typeBase">What `type` begins with.</param>
    /// <param name="method">Decides what `retryable` says about errors that only an idempotent request may repeat.</param>
    public static byte[] Problem(EdgeFailure failure, string typeBase, string method, string requestId, string? traceId)
    {
        var error = failure.Error;
        using var buffer = new MemoryStream(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", typeBase + error.Code);
            json.WriteString("title", error.Title);
            json.WriteNumber("status", failure.Status);
            json.WriteString("detail", error.Detail);
            json.WriteString("instance", "urn:request:" + requestId);
            json.WriteString("code", error.Code);
            json.WriteString("requestId", requestId);
            if (traceId is not null)
            {
                json.WriteString("traceId", traceId);
            }

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

    public static byte[] Page(EdgeFailure failure, string requestId)
    {
        var error = failure.Error;
        return Encoding.UTF8.GetBytes($"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><title>{failure.Status} {error.Title}</title></head>
            <body>
            <h1>{error.Title}</h1>
            <p>{error.Detail}</p>
            <p><code>{error.Code}</code> · request <code>{HtmlEncoder.Default.Encode(requestId)}</code></p>
            </body>
            </html>

            """);
    }

    private static bool IsRetryable(Retryable retryable, string method) => retryable switch
    {
        Retryable.Yes or Retryable.After => true,
        Retryable.IfIdempotent => Idempotence.Of(method),
        _ => false,
    };
}
