using EdgeProxy.Errors;
using Microsoft.AspNetCore.Http.Timeouts;

namespace EdgeProxy.Resilience;

/// <summary>
/// Stands below the platform's request timeouts and adds to them the deadline that a gRPC client names itself, when it is earlier
/// than the route's. Also notes when the request's time is up, for whoever has to know whether another attempt fits.
/// </summary>
internal sealed class DeadlineMiddleware(RequestDelegate next, TimeProvider time)
{
    public Task Invoke(HttpContext context)
    {
        var edge = context.Edge();
        edge.TimeAllowed = edge.Route?.Timeout;
        if (GrpcAnswer.IsExpected(context.Request.ContentType)
            && context.Request.Headers.TryGetValue(GrpcTimeout.Field, out var field) && field.Count == 1
            && GrpcTimeout.TryParse(field[0], out var timeout)
            && (edge.TimeAllowed is null || timeout < edge.TimeAllowed))
        {
            edge.TimeAllowed = timeout;
            edge.IsClientsDeadline = true;
            return InvokeAsync(context, timeout - time.GetElapsedTime(edge.StartedAt));
        }

        return next(context);
    }

    private async Task InvokeAsync(HttpContext context, TimeSpan left)
    {
        var edge = context.Edge();
        var outer = context.RequestAborted;
        var before = context.Features.Get<IHttpRequestTimeoutFeature>();
        using var clock = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(outer, clock.Token);
        context.Features.Set<IHttpRequestTimeoutFeature>(new ClientDeadline(clock));
        context.RequestAborted = both.Token;
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (clock.IsCancellationRequested && !outer.IsCancellationRequested)
        {
            context.Fail(EdgeErrors.DeadlineExceeded);
        }
        finally
        {
            edge.DeadlinePassed |= clock.IsCancellationRequested;
            context.RequestAborted = outer;
            context.Features.Set(before);
        }
    }

    private sealed class ClientDeadline(CancellationTokenSource clock) : IHttpRequestTimeoutFeature
    {
        public CancellationToken RequestTimeoutToken => clock.Token;

        public void DisableTimeout() => clock.CancelAfter(Timeout.InfiniteTimeSpan);
    }
}
