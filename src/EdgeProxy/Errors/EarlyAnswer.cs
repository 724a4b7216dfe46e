using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Errors;

/// <summary>
/// An answer that is complete while the client still sends, on HTTP/2. With the end of the answer the server resets the stream. Clients
/// that read both at once, curl 7.88 among them, take that for a failure and lose the answer; so it goes ahead, and what is on its way
/// is let run out.
/// </summary>
internal static class EarlyAnswer
{
    /// <summary>Not for longer than it takes to read an answer.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(100);

    /// <summary>Sends what has been written, then waits until the client has sent all, or has gone, or had time to read.</summary>
    /// <param name="body">The server's stream: whatever bounds the body or hands it on has done with it.</param>
    public static Task GoAheadAsync(HttpContext context, Stream body, TimeProvider time) => IsEarly(context)
        ? GoAheadAsync(context, body, new CancellationTokenSource(Ahead, time))
        : Task.CompletedTask;

    /// <summary>
    /// A gRPC error is a head that ends the stream itself, and gRPC clients know what a reset after it means. A WebSocket that was
    /// accepted has ended in its own words.
    /// </summary>
    private static bool IsEarly(HttpContext context) =>
        HttpProtocol.IsHttp2(context.Request.Protocol)
        && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }
        && !context.RequestAborted.IsCancellationRequested
        && !GrpcAnswer.IsExpected(context.Request.ContentType)
        && !(context.Response.StatusCode == StatusCodes.Status200OK
            && context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true });

    private static async Task GoAheadAsync(HttpContext context, Stream body, CancellationTokenSource patience)
    {
        using var enough = patience;
        var rest = new byte[4096];
        try
        {
            await context.Response.Body.FlushAsync(context.RequestAborted);
            while (await body.ReadAsync(rest, enough.Token) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or InvalidOperationException)
        {
            // Time is up, or the client has gone, or what read the body before has not let go of it: there is nothing left to wait for.
        }
    }
}
