namespace EdgeProxy.Resilience;

/// <summary>What of a request's body can be sent again after an attempt.</summary>
internal static class Replay
{
    /// <summary>The body, when all of it is at hand: kept before the first attempt, or the one message of a gRPC call.</summary>
    public static ReplayBody? Of(HttpContext client, AttemptEnd end)
    {
        if (client.Features.Get<ReplayBody>() is { } kept)
        {
            return kept;
        }

        return !end.IsUnsent && client.Request.Body is Upload { IsComplete: true, Record: { } record }
            && ReplayBody.IsOneMessage(record.Span)
            ? Keep(client, new ReplayBody(record.ToArray(), record.Length))
            : null;
    }

    /// <summary>There is no body, or <paramref name="body"/> is all of it, or nothing has been read of it.</summary>
    public static bool CanSend(HttpContext client, ReplayBody? body, AttemptEnd end) =>
        client.Request.Body is not Upload upload || body is not null || (end.IsUnsent && upload.IsUntouched);

    private static ReplayBody Keep(HttpContext client, ReplayBody body)
    {
        client.Features.Set(body);
        return body;
    }
}
