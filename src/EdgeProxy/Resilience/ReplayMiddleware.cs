using EdgeProxy.Errors;

namespace EdgeProxy.Resilience;

/// <summary>
/// Reads the body of a request that may be sent again, before a destination is chosen for it. What is larger than the route keeps,
/// and gRPC, whose clients may wait for an answer before they send on, goes on as a stream.
/// </summary>
internal sealed class ReplayMiddleware(RequestDelegate next, ReplayRoom room)
{
    private const int Piece = 16 * 1024;

    public Task Invoke(HttpContext context) =>
        context.Edge().Route is { KeptBodyBytes: > 0 and var most } && IsKept(context, most)
            ? InvokeAsync(context, most)
            : next(context);

    private static bool IsKept(HttpContext context, int most) =>
        context.MayHaveBody()
        && !(context.Request.ContentLength > most)
        && !context.AsksForUpgrade()
        && !GrpcAnswer.IsExpected(context.Request.ContentType);

    private async Task InvokeAsync(HttpContext context, int limit)
    {
        if (!room.TryEnter(limit))
        {
            await next(context);
            return;
        }

        try
        {
            if (await ReadAsync(context, limit))
            {
                await next(context);
            }
        }
        finally
        {
            room.Leave(limit);
        }
    }

    private static async Task<bool> ReadAsync(HttpContext context, int limit)
    {
        var body = context.Request.Body;
        var bytes = new byte[(int)Math.Min(limit, context.Request.ContentLength ?? Piece) + 1];
        var count = 0;
        try
        {
            while (count <= limit && await body.ReadAsync(bytes.AsMemory(count), context.RequestAborted) is var read and > 0)
            {
                count += read;
                if (count == bytes.Length && count <= limit)
                {
                    Array.Resize(ref bytes, Math.Min(limit + 1, count * 2));
                }
            }
        }
        catch (OperationCanceledException) when (context.IsPastDeadline())
        {
            context.Fail(EdgeErrors.RequestTimeout); // the client is who was waited for
            return false;
        }

        if (count > limit)
        {
            context.Request.Body = new PrefixedStream(bytes.AsMemory(0, count), body);
        }
        else
        {
            context.Features.Set(new ReplayBody(bytes, count));
        }

        return true;
    }
}
