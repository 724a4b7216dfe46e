using EdgeProxy.Configuration;
using EdgeProxy.Yarp;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>
/// Makes the first attempt of requests of routes with `Hedge`, and a second one beside it when it takes long: at another destination,
/// and on the cluster's budget for retries. The first good answer is taken, and the other attempt given up.
/// </summary>
internal sealed class Hedger(string cluster, AttemptSender sender, Attempts attempts)
{
    /// <summary>A first attempt is waited for so long at least, however fast others are.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(20);

    /// <summary>What may be sent twice at once, and at the route's own cluster alone.</summary>
    public static bool CanHedge(HttpContext client, EdgeContext edge) =>
        edge is { OtherTimeouts: null, HasOwnConnection: false }
        && (HttpMethods.IsGet(client.Request.Method) || HttpMethods.IsHead(client.Request.Method))
        && !client.MayHaveBody()
        && !client.AsksForUpgrade();

    /// <summary>For routes without `Retry`: what comes back stands.</summary>
    public Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, HedgeSettings hedge, CancellationToken cancellation)
    {
        var attempt = client.Edge().Attempt;
        ClusterRuntime.Of(attempt.Cluster!).Budget.Deposit(attempts.Now);
        return SendAsync(request, client, hedge, [attempt.Destination!], cancellation);
    }

    /// <param name="tried">Gets the second destination added, if there is one.</param>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        HttpContext client,
        HedgeSettings hedge,
        List<DestinationState> tried,
        CancellationToken cancellation)
    {
        var edge = client.Edge();
        var runtime = ClusterRuntime.Of(edge.Attempt.Cluster!);
        var began = attempts.Now;
        var wait = hedge.After ?? (runtime.Latencies.Percentile95(began) is { } usual ? usual > Least ? usual : Least : null);
        if (wait is not { } alone || edge.Attempt.IsProbe || !Attempts.HasOther(client, tried))
        {
            var only = await sender.SendAsync(request, client, cancellation);
            AddLatency(runtime, began, only, edge);
            return only;
        }

        using var first = new RacingAttempt(edge.Attempt, cancellation);
        var answering = sender.SendAsync(request, client, first.Token, first);
        await attempts.AloneAsync(answering, alone, first.Token);
        if (answering.IsCompleted || cancellation.IsCancellationRequested || !TrySecond(client, runtime, tried, out var pass))
        {
            return await TakeAsync(edge, runtime, began, first, first, answering);
        }

        using var second = new RacingAttempt(pass, cancellation);
        tried.Add(pass.Destination!);
        var hedging = sender.SendAsync(Copy(request, client, edge, pass), client, second.Token, second);
        return await RaceAsync(client, runtime, began, (first, answering), (second, hedging));
    }

    private async Task<HttpResponseMessage> RaceAsync(
        HttpContext client,
        ClusterRuntime runtime,
        TimeSpan began,
        (RacingAttempt Attempt, Task<HttpResponseMessage> Answer) first,
        (RacingAttempt Attempt, Task<HttpResponseMessage> Answer) second)
    {
        var edge = client.Edge();
        var sooner = await Task.WhenAny(first.Answer, second.Answer);
        var later = sooner == first.Answer ? second.Answer : first.Answer;
        if (!await IsGoodAsync(sooner, edge))
        {
            await Task.WhenAny(later);
        }

        var isFirst = await IsGoodAsync(first.Answer, edge);
        var isSecond = !isFirst && await IsGoodAsync(second.Answer, edge);
        var (winner, loser) = isSecond ? (second, first) : (first, second);
        loser.Attempt.GiveUp();
        if (await Task.WhenAny(loser.Answer) is { IsCompletedSuccessfully: true } unwanted)
        {
            (await unwanted).Dispose();
        }

        attempts.Hedged(cluster, isSecond ? HedgeResults.Won : isFirst ? HedgeResults.Lost : HedgeResults.Failed);
        attempts.Leave(loser.Attempt.Pass);
        if (isSecond)
        {
            runtime.Latencies.Add(attempts.Now, attempts.Now - began); // at least so long the first would have taken
            edge.SentTo = second.Attempt.Pass.Destination!.Model.Config.Address;
            client.GetReverseProxyFeature().ProxiedDestination = second.Attempt.Pass.Destination;
        }

        return await TakeAsync(edge, runtime, isSecond ? null : began, first.Attempt, winner.Attempt, winner.Answer);
    }

    /// <summary>The attempt becomes the request's own.</summary>
    private async Task<HttpResponseMessage> TakeAsync(
        EdgeContext edge,
        ClusterRuntime runtime,
        TimeSpan? began,
        RacingAttempt first,
        RacingAttempt attempt,
        Task<HttpResponseMessage> answering)
    {
        try
        {
            var answer = await answering;
            if (began is { } start)
            {
                AddLatency(runtime, start, answer, edge);
            }

            return answer;
        }
        finally
        {
            edge.Attempt = attempt.Pass;
            edge.UpstreamTicks += attempt.HeadAt - first.StartedAt;
            (edge.AttemptAt, edge.HeadAt) = (attempt.StartedAt, attempt.HeadAt);
        }
    }

    private bool TrySecond(HttpContext client, ClusterRuntime runtime, List<DestinationState> tried, out AttemptPass pass)
    {
        pass = AttemptPass.None;
        if (!runtime.Budget.TryWithdraw(attempts.Now))
        {
            attempts.Hedged(cluster, HedgeResults.Budget);
            return false;
        }

        pass = attempts.EnterOther(client, tried);
        if (pass.Destination is not null)
        {
            return true;
        }

        runtime.Budget.Return();
        attempts.Hedged(cluster, HedgeResults.NoDestination);
        return false;
    }

    private void AddLatency(ClusterRuntime runtime, TimeSpan began, HttpResponseMessage answer, EdgeContext edge)
    {
        if (IsGood(answer, edge))
        {
            var now = attempts.Now;
            runtime.Latencies.Add(now, now - began);
        }
    }

    private static async ValueTask<bool> IsGoodAsync(Task<HttpResponseMessage> answer, EdgeContext edge) =>
        answer.IsCompletedSuccessfully && IsGood(await answer, edge);

    private static bool IsGood(HttpResponseMessage answer, EdgeContext edge) =>
        (int)answer.StatusCode < 500 && edge.Route!.Retry?.On.Contains((int)answer.StatusCode) is not true;

    private static HttpRequestMessage Copy(HttpRequestMessage request, HttpContext client, EdgeContext edge, AttemptPass pass)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri)
        {
            Version = request.Version,
            VersionPolicy = request.VersionPolicy,
            Content = request.Content,
        };
        request.Headers.CopyTo(copy.Headers);
        copy.SentFor(client);
        copy.Redirect(edge.Attempt.Destination!.Model.Config, pass.Destination!.Model.Config);
        RetryLoop.Number(copy, 2);
        return copy;
    }
}

/// <summary>What became of the second attempts of routes with `Hedge`. The closed label set of `edgeproxy_hedges_total`.</summary>
internal static class HedgeResults
{
    /// <summary>The second attempt's answer was taken.</summary>
    public const string Won = "won";

    /// <summary>The first one's.</summary>
    public const string Lost = "lost";

    /// <summary>Neither was good.</summary>
    public const string Failed = "failed";

    /// <summary>There was none: the cluster's budget is used up.</summary>
    public const string Budget = "budget";

    /// <summary>There was none: no other destination could be had.</summary>
    public const string NoDestination = "no_destination";

    public static IReadOnlyList<string> All { get; } = [Won, Lost, Failed, Budget, NoDestination];
}
