using EdgeProxy.Configuration;
using EdgeProxy.Yarp;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Resilience;

/// <summary>What a loop of attempts needs of the rest: destinations, time, chance and counters.</summary>
internal sealed class Attempts(Balancer balancer, Breakers breakers, AttemptMetrics metrics, TimeProvider time, Random random)
{
    public TimeSpan Now => time.GetElapsedTime(0);

    public DateTimeOffset UtcNow => time.GetUtcNow();

    public double Chance() => random.NextDouble();

    public void Retried(string cluster, string reason) => metrics.Retried(cluster, reason);

    public void Skipped(string cluster, string reason) => metrics.Skipped(cluster, reason);

    /// <summary>What is left of the request's time; null: it has no bound.</summary>
    public TimeSpan? Left(HttpContext client) => client.Edge() is { TimeAllowed: { } allowed } edge
        ? allowed - time.GetElapsedTime(edge.StartedAt)
        : null;

    public Task WaitAsync(TimeSpan wait, CancellationToken cancellation) =>
        wait > TimeSpan.Zero ? Task.Delay(wait, time, cancellation) : Task.CompletedTask;

    public void Hedged(string cluster, string result) => metrics.Hedged(cluster, result);

    /// <summary>Waits for an attempt alone: until it has ended, or this time is over.</summary>
    public async Task AloneAsync(Task attempt, TimeSpan wait, CancellationToken cancellation) =>
        await attempt.WaitAsync(wait, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>A pass for an attempt beside another, at a destination that was not tried; none when there is none to be had.</summary>
    public AttemptPass EnterOther(HttpContext client, List<DestinationState> tried)
    {
        var pick = PickContext.Of(client, client.Edge().Attempt.Cluster!, hasBody: false) with { IsOptional = true };
        return balancer.Choose(pick, [.. Available(client).Where(destination => !tried.Contains(destination))], out _);
    }

    public void Leave(AttemptPass pass) => breakers.LeaveEarly(pass);

    public static bool HasOther(HttpContext client, List<DestinationState> tried)
    {
        foreach (var destination in Available(client))
        {
            if (!tried.Contains(destination))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Enters the next destination and turns the request to it: one that was not tried, or, when there is none with room, any. False when
    /// breakers let no attempt through, or nothing is available.
    /// </summary>
    public bool TryNext(HttpRequestMessage request, HttpContext client, List<DestinationState> tried)
    {
        var edge = client.Edge();
        var pick = PickContext.Of(client, edge.Attempt.Cluster!, hasBody: false) with { Vacating = edge.Attempt.Runtime };
        var all = Available(client);
        IReadOnlyList<DestinationState> others = [.. all.Where(destination => !tried.Contains(destination))];
        var pass = others.Count > 0 ? balancer.Choose(pick, others, out _) : AttemptPass.Full;
        if (pass.IsFull)
        {
            pass = balancer.Choose(pick, all, out _); // the attempt is over, and its own place may be what there is
        }

        return Turn(request, client, pass, tried);
    }

    /// <summary>The same among the endpoints of the destination that is being tried: nothing was sent, it is no other attempt.</summary>
    public bool TryOtherEndpoint(HttpRequestMessage request, HttpContext client, List<DestinationState> tried)
    {
        var attempt = client.Edge().Attempt;
        var id = attempt.Destination!.ConfiguredId();
        var pick = PickContext.Of(client, attempt.Cluster!, hasBody: false) with { Vacating = attempt.Runtime };
        IReadOnlyList<DestinationState> others =
        [
            .. Available(client).Where(one => !tried.Contains(one) && one.ConfiguredId().Equals(id, StringComparison.OrdinalIgnoreCase)),
        ];
        return others.Count > 0 && Turn(request, client, balancer.Choose(pick, others, out _), tried);
    }

    /// <summary>Turns the request to where the pass leads, if anywhere.</summary>
    private bool Turn(HttpRequestMessage request, HttpContext client, AttemptPass pass, List<DestinationState> tried)
    {
        var edge = client.Edge();
        if (pass.Destination is not { } destination)
        {
            return false;
        }

        request.Redirect(edge.Attempt.Destination!.Model.Config, destination.Model.Config);
        breakers.LeaveEarly(pass.HasTakenOver ? edge.Attempt.WithoutPlace() : edge.Attempt);
        edge.Attempt = pass;
        edge.SentTo = destination.Model.Config.Address;
        client.GetReverseProxyFeature().ProxiedDestination = destination;
        tried.Add(destination);
        return true;
    }

    private static IReadOnlyList<DestinationState> Available(HttpContext client) =>
        client.Edge().Attempt.Cluster!.DestinationsState.AvailableDestinations;
}
