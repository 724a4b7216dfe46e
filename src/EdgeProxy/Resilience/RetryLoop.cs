using System.Runtime.ExceptionServices;
using EdgeProxy.Configuration;
using EdgeProxy.Errors;
using EdgeProxy.Yarp;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// Sends the requests of routes that have `Retry`: attempt after attempt, as <see cref="RetryDecision"/> says, each at a destination
/// that was not tried yet as long as there is one, until an answer stands. Nothing has gone to the client by then.
/// </summary>
internal sealed class RetryLoop(string cluster, AttemptSender sender, Hedger hedger, AnswerHold hold, Attempts attempts)
{
    private static readonly string[] Numbers = [.. Enumerable.Range(0, RetrySection.AttemptsMax + 1).Select(number => $"{number}")];

    /// <summary>Tells the destination which attempt it is.</summary>
    public static void Number(HttpRequestMessage request, int number)
    {
        request.Headers.Remove(EdgeFields.Attempt);
        request.Headers.TryAddWithoutValidation(EdgeFields.Attempt, Numbers[number]);
    }

    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, RetrySettings retry, CancellationToken cancellation)
    {
        var state = ClusterRuntime.Of(client.Edge().Attempt.Cluster!);
        state.Budget.Deposit(attempts.Now);
        var tried = new List<DestinationState>(retry.Attempts) { client.Edge().Attempt.Destination! };
        client.Features.Get<ReplayBody>()?.Use(request, client);
        while (true)
        {
            HttpResponseMessage? answer = null;
            ExceptionDispatchInfo? failure = null;
            Number(request, tried.Count);
            try
            {
                answer = await (tried.Count == 1 && client.Edge() is { Route.Hedge: { } hedge } edge && Hedger.CanHedge(client, edge)
                    ? hedger.SendAsync(request, client, hedge, tried, cancellation)
                    : sender.SendAsync(request, client, cancellation));
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }

            var end = answer is null
                ? AttemptEnd.Of(failure!.SourceException)
                : AttemptEnd.Of(answer, retry, attempts.UtcNow);
            if (end.Class == RetryClass.Final && answer is not null && AnswerHold.IsFor(request, answer, client))
            {
                (end, failure) = await hold.HoldAsync(client, answer, cancellation);
            }

            if (!await AgainAsync(request, client, retry, tried, answer, end, cancellation))
            {
                client.Edge().AttemptsMade = tried.Count;
                failure?.Throw();
                Mark(answer!, tried.Count);
                return answer!;
            }

            answer?.Dispose();
        }
    }

    /// <summary>Waits, and makes the request ready for another destination; false: what there is stands.</summary>
    private async ValueTask<bool> AgainAsync(
        HttpRequestMessage request,
        HttpContext client,
        RetrySettings retry,
        List<DestinationState> tried,
        HttpResponseMessage? answer,
        AttemptEnd end,
        CancellationToken cancellation)
    {
        if (end.Class == RetryClass.Final)
        {
            return false;
        }

        var decision = Decide(request, client, retry, tried, end, out var body);
        if (decision.Wait is not { } wait)
        {
            Skip(client, decision.Skipped!);
            return false;
        }

        var budget = ClusterRuntime.Of(client.Edge().Attempt.Cluster!).Budget;
        if (!budget.TryWithdraw(attempts.Now))
        {
            Skip(client, RetrySkips.Budget);
            TellOfBudget(client, answer);
            return false;
        }

        try
        {
            await attempts.WaitAsync(wait, cancellation);
        }
        catch (OperationCanceledException)
        {
            budget.Return();
            answer?.Dispose();
            throw;
        }

        if (!attempts.TryNext(request, client, tried))
        {
            budget.Return();
            Skip(client, RetrySkips.NoDestination);
            return false;
        }

        body?.Use(request, client);
        attempts.Retried(cluster, end.Reason);
        return true;
    }

    /// <param name="body">The request's body, when all of it is at hand.</param>
    private RetryDecision Decide(
        HttpRequestMessage request,
        HttpContext client,
        RetrySettings retry,
        List<DestinationState> tried,
        AttemptEnd end,
        out ReplayBody? body)
    {
        body = Replay.Of(client, end);
        return RetryDecision.Of(retry, new RetryQuestion
        {
            Class = end.Class,
            IsIdempotent = retry.Idempotent || Idempotence.Of(request.Method.Method),
            CanSendBody = Replay.CanSend(client, body, end),
            Made = tried.Count,
            HasOther = Attempts.HasOther(client, tried),
            Asked = end.Asked,
            Left = attempts.Left(client),
            Chance = attempts.Chance(),
        });
    }

    private static void Mark(HttpResponseMessage answer, int made)
    {
        if (made > 1)
        {
            answer.Headers.Remove(EdgeFields.AttemptCount);
            answer.Headers.TryAddWithoutValidation(EdgeFields.AttemptCount, Numbers[made]);
        }
    }

    private void Skip(HttpContext client, string reason)
    {
        attempts.Skipped(cluster, reason);
        client.Edge().Record?.RetrySkipped = reason;
    }

    /// <summary>The last answer stands and says why there was no other; without one, that is the error.</summary>
    private static void TellOfBudget(HttpContext client, HttpResponseMessage? answer)
    {
        if (answer is null)
        {
            client.Fail(EdgeErrors.RetryBudgetExhausted, 1);
            return;
        }

        ResponseFields.SetDetails(answer, client.Edge().Revision.Edge.Name, EdgeErrors.RetryBudgetExhausted.Code);
    }
}
