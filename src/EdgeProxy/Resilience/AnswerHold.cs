using System.Runtime.ExceptionServices;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Yarp;

namespace EdgeProxy.Resilience;

/// <summary>
/// Holds a short answer back until all of it is here, on routes with `Retry` or `Fallback`: while nothing of it has gone to the client,
/// one that breaks off, or whose rest does not come, can be tried again, and is no worse than no answer when it cannot.
/// </summary>
internal sealed class AnswerHold(Breakers breakers, TimeProvider time)
{
    /// <summary>For how long an answer is held where an attempt has no time of its own. What is not whole then goes on as it is.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// An answer of known and small length that has a body, and that nobody reads piece by piece; not one that a client still sends for:
    /// its rest may wait for that.
    /// </summary>
    public static bool IsFor(HttpRequestMessage request, HttpResponseMessage answer, HttpContext client) =>
        answer.Content.Headers.ContentLength is > 0 and <= ForwardMiddleware.ShortAnswer
        && (int)answer.StatusCode < StatusCodes.Status400BadRequest
        && AnswerContent.HasBody(request, answer)
        && client.Request.Body is not Upload { IsAwaited: true };

    /// <summary>Holds the answer of an attempt that had seemed good.</summary>
    /// <returns>
    /// How that ended: the answer stands, or has counted against its destination. Then it can still be passed on as it comes, unless it is
    /// broken, for the reason that is given.
    /// </returns>
    public async ValueTask<(AttemptEnd End, ExceptionDispatchInfo? Broken)> HoldAsync(
        HttpContext client, HttpResponseMessage answer, CancellationToken cancellation)
    {
        var edge = client.Edge();
        var length = (int)answer.Content.Headers.ContentLength.GetValueOrDefault();
        var body = new HeldBody(await answer.Content.ReadAsStreamAsync(cancellation), length);
        // Silence is measured up to the head, which the forwarder does not have while this is held, however much of it comes.
        var silence = (edge.Timeouts.Idle - time.GetElapsedTime(edge.StartedAt)) / 2;
        var patience = edge.Timeouts.PerTry is { } perTry && perTry < silence ? perTry : Shorter(silence);
        var isWhole = await body.HoldAsync(patience, time, cancellation);
        answer.Content = AnswerContent.Like(answer.Content, body);
        if (isWhole)
        {
            edge.Overdue?.End();
            return default;
        }

        if (patience != edge.Timeouts.PerTry && body.Failure is null)
        {
            return default; // it goes on, and its rest is still waited for
        }

        var now = time.GetTimestamp();
        if (!cancellation.IsCancellationRequested || (client.IsPastDeadline() && IsItsTime(client, edge)))
        {
            edge.Overdue ??= new OverdueAnswer(edge.Attempt, output: null, breakers);
            edge.Overdue.Count();
        }

        edge.UpstreamTicks += edge.WithoutClient(now - edge.HeadAt, edge.ClientTicksAtHead);
        (edge.HeadAt, edge.ClientTicksAtHead) = (now, edge.ClientTicks);
        edge.Record?.Incomplete(edge.Attempt.Destination?.ConfiguredId());
        if (cancellation.IsCancellationRequested)
        {
            answer.Dispose();
            throw new OperationCanceledException(cancellation);
        }

        if (body.Failure is not { } failure)
        {
            return (AttemptEnd.Incomplete, null);
        }

        answer.Dispose();
        return (AttemptEnd.Incomplete, ExceptionDispatchInfo.Capture(new IncompleteAnswerException(failure)));
    }

    private static TimeSpan Shorter(TimeSpan silence) => silence < Patience ? silence : Patience;

    private bool IsItsTime(HttpContext client, EdgeContext edge) =>
        !edge.IsClientsDeadline && !RouteTime.WasShort(client, edge.AttemptAt, time);
}
