using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Resilience;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Fallbacks;

/// <summary>
/// Around the forward of routes with `Fallback`: when that ends without an answer to the client, for a reason that the route names, it
/// has another cluster asked, or answers from what the edge keeps. When nobody can answer, what went wrong stands.
/// </summary>
internal sealed class FallbackMiddleware(
    RequestDelegate next, OtherCluster others, StaleCache kept, FallbackMetrics metrics)
{
    public Task Invoke(HttpContext context) =>
        context.Edge().Route?.Fallback is { } fallback ? InvokeAsync(context, fallback) : next(context);

    private async Task InvokeAsync(HttpContext context, FallbackSettings settings)
    {
        var edge = context.Edge();
        var run = new FallbackRun(settings, others, kept, metrics);
        edge.Fallback = run;
        try
        {
            await next(context);
        }
        finally
        {
            run.LeaveGate();
        }

        var trigger = TriggerOf(context);
        if (context.Response.HasStarted || !(run.Replaces || trigger.IsCoveredBy(settings)))
        {
            return;
        }

        run.Record(trigger, context);
        if (run.Stale is { } stale)
        {
            await AnswerAsync(context, run, FallbackKinds.Stale, kept.ToMessage(stale, context), stale.Body);
            return;
        }

        if (run.Next(context) is { } cluster)
        {
            var failure = edge.Failure ?? new EdgeFailure(trigger.Error!);
            ForgetFailure(context);
            run.Assign(context, cluster);
            await next(context);
            if (context.Response.HasStarted || !(run.Replaces || TriggerOf(context).Cause != FallbackCause.None))
            {
                return;
            }

            edge.Failure = failure;
        }

        if (settings.Static is { } answer && FallbackAnswer.IsFor(context))
        {
            await AnswerAsync(context, run, FallbackKinds.Static, FallbackAnswer.Of(answer), answer.Body);
        }
        else
        {
            run.End(context, FallbackKinds.None);
        }
    }

    private static async Task AnswerAsync(
        HttpContext context, FallbackRun run, string kind, HttpResponseMessage answer, ReadOnlyMemory<byte> body)
    {
        ForgetFailure(context);
        run.End(context, kind);
        FallbackFields.Mark(answer, context, kind, run.Trigger);
        await FallbackAnswer.WriteAsync(context, answer, body);
    }

    /// <summary>What stands between the request and its answer; none when it has one, or when it is the client's own fault.</summary>
    private static FallbackTrigger TriggerOf(HttpContext context) => FallbackTrigger.Of(
        context.Edge().Failure is { } failure && failure.Error != EdgeErrors.RetryBudgetExhausted
            ? failure.Error
            : FailureCauses.OfOutcome(context));

    /// <summary>Nothing has gone wrong so far.</summary>
    private static void ForgetFailure(HttpContext context)
    {
        context.Edge().Failure = null;
        context.Features.Set<IForwarderErrorFeature>(null);
        context.Response.StatusCode = StatusCodes.Status200OK;
    }
}
