using System.Buffers;
using System.Text;
using System.Text.Json;
using EdgeProxy.Metrics;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.AccessLog;

/// <summary>
/// A decision record in JSON: for the log with the request beside it, for a response field without. All of it is ASCII: controls, quotes
/// and everything above are escaped, so that no text from elsewhere can end a line or a field.
/// </summary>
internal static class DecisionText
{
    /// <summary>Bytes that a response field may have; a record beyond that says no more than who asked can find in the log.</summary>
    public const int FieldBytesMax = 4096;

    private const int IdMax = 128;
    private const int TargetMax = 1024;

    /// <summary>The line, with its end.</summary>
    /// <param name="withQuery">The query is written, values and all.</param>
    public static byte[] Line(HttpContext context, EdgeContext edge, DecisionRecord record, TimeProvider time, bool withQuery)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ"));
            WriteDecisions(json, edge, record);
            WriteRequest(json, context, edge, withQuery);
            json.WriteNumber("bytesIn", edge.BytesIn);
            json.WriteNumber("bytesOut", record.BytesOut);
            var ticks = time.TimestampFrequency / 1000.0;
            json.WriteNumber("durationMs", Math.Round((time.GetTimestamp() - edge.StartedAt) / ticks, 3));
            json.WriteNumber("queuedMs", Math.Round(edge.QueuedTicks / ticks, 3));
            json.WriteNumber("clientMs", Math.Round(edge.ClientTicks / ticks, 3));
            json.WriteNumber("upstreamMs", Math.Round(edge.UpstreamTicks / ticks, 3));
            json.WriteEndObject();
        }

        buffer.GetSpan(1)[0] = (byte)'\n';
        buffer.Advance(1);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The value of a response field: visible ASCII, <see cref="FieldBytesMax"/> at most.</summary>
    public static string Field(EdgeContext edge, DecisionRecord record)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteDecisions(json, edge, record);
            WriteClient(json, edge);
            json.WriteEndObject();
        }

        var text = Encoding.ASCII.GetString(buffer.WrittenSpan).Replace(" ", "\\u0020", StringComparison.Ordinal);
        return text.Length <= FieldBytesMax ? text : $"{{\"requestId\":\"{edge.RequestId}\",\"tooLong\":true}}";
    }

    /// <summary>At most <paramref name="most"/> characters, none of them half of a pair.</summary>
    public static string Clip(string text, int most) =>
        text.Length <= most ? text : text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)];

    private static void WriteDecisions(Utf8JsonWriter json, EdgeContext edge, DecisionRecord record)
    {
        json.WriteString("requestId", edge.RequestId);
        json.WriteString("traceId", edge.TraceId);
        json.WriteString("revision", edge.Revision.Id);
        json.WriteString("route", Clip(edge.Route?.RouteId ?? EdgeMeter.NoRoute, IdMax));
        json.WriteString("madeBy", RequestLabels.MadeBy(edge));
        if (edge.Failure is { } failure)
        {
            json.WriteString("code", failure.Error.Code);
        }

        WriteLimits(json, edge);
        WriteAttempts(json, edge, record);
        WriteReasons(json, edge, record);
    }

    private static void WriteLimits(Utf8JsonWriter json, EdgeContext edge)
    {
        if (edge.RateLimits is not { } verdict)
        {
            return;
        }

        json.WriteStartArray("limits");
        foreach (ref var take in verdict.Takes)
        {
            json.WriteStartObject();
            json.WriteString("policy", Clip(take.Policy.Name, IdMax));
            json.WriteString("decision", take.Decision ?? "not_charged");
            json.WriteString("source", take.SourceWord);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteAttempts(Utf8JsonWriter json, EdgeContext edge, DecisionRecord record)
    {
        json.WriteStartArray("attempts");
        foreach (var attempt in record.Attempts)
        {
            json.WriteStartObject();
            if (attempt.Cluster != edge.Route?.ClusterId)
            {
                json.WriteString("cluster", Clip(attempt.Cluster, IdMax));
            }

            json.WriteString("destination", Clip(attempt.Destination ?? "", IdMax));
            json.WriteString("outcome", attempt.Outcome);
            if (attempt.Status > 0)
            {
                json.WriteNumber("status", attempt.Status);
            }

            json.WriteNumber("ms", Math.Round(attempt.Duration.TotalMilliseconds, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteReasons(Utf8JsonWriter json, EdgeContext edge, DecisionRecord record)
    {
        if (edge.ShedBy is { } load)
        {
            json.WriteString("shedBy", load);
        }

        if (record.RetrySkipped is { } reason)
        {
            json.WriteString("retrySkipped", reason);
        }

        if (edge.FallbackKind is { } kind)
        {
            json.WriteString("fallback", kind);
            json.WriteString("fallbackCause", edge.FallbackCause);
        }
    }

    private static void WriteRequest(Utf8JsonWriter json, HttpContext context, EdgeContext edge, bool withQuery)
    {
        var request = context.Request;
        WriteClient(json, edge);
        json.WriteString("address", edge.ClientAddress.ToString());
        json.WriteString("host", Clip(request.Host.Value ?? "", TargetMax));
        json.WriteString("userAgent", Clip(request.Headers.UserAgent.ToString(), TargetMax));
        json.WriteString("method", RequestLabels.Method(request.Method));
        json.WriteString("path", Clip(PathOf(context), TargetMax));
        if (withQuery && request.QueryString.Value is { Length: > 0 } query)
        {
            json.WriteString("query", Clip(query, TargetMax));
        }

        json.WriteString("protocol", request.Protocol);
        json.WriteNumber("status", RequestLabels.Status(context, edge));
    }

    private static void WriteClient(Utf8JsonWriter json, EdgeContext edge) => json.WriteString("client", Clip(edge.Client.Id, IdMax));

    /// <summary>The path as received; of a target that is a whole URI, which may name a user, the path alone.</summary>
    private static string PathOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return !target.StartsWith('/') ? context.Request.Path.Value ?? ""
            : target.IndexOf('?') is var query and >= 0 ? target[..query]
            : target;
    }
}
