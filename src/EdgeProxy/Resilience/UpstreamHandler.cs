using EdgeProxy.Upstreams;
using EdgeProxy.Yarp;

namespace EdgeProxy.Resilience;

/// <summary>Sends the requests of one cluster, under YARP's forwarder, where the status is known before a byte is copied.</summary>
internal sealed class UpstreamHandler(
    string cluster,
    ClusterPools pools,
    OwnConnections owners,
    AttemptSender sender,
    RetryLoop retries,
    Hedger hedger,
    AnswerHold hold) : HttpMessageHandler
{
    /// <summary>Attempts at this cluster, as many as the route allows.</summary>
    public Task<HttpResponseMessage> AttemptAsync(
        HttpRequestMessage request, HttpContext client, EdgeContext edge, CancellationToken cancellation) =>
        edge.Route!.Retry is { } retry && !client.AsksForUpgrade() && !edge.HasOwnConnection
            ? retries.SendAsync(request, client, retry, cancellation)
            : edge.Fallback is not null && !client.AsksForUpgrade()
            ? HeldAsync(request, client, edge, cancellation)
            : OnceAsync(request, client, edge, cancellation);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Client() is not { } client)
        {
            return ProbedAddress.SendAsync(pools.Of(request), request, cancellationToken);
        }

        var edge = client.Edge();
        edge.Forwarding = cancellationToken;
        edge.HasOwnConnection = owners.IsFor(request, client, cluster);
        return edge.Fallback is { } fallback
            ? fallback.SendAsync(request, client, this, cancellationToken)
            : AttemptAsync(request, client, edge, cancellationToken);
    }

    private Task<HttpResponseMessage> OnceAsync(
        HttpRequestMessage request, HttpContext client, EdgeContext edge, CancellationToken cancellation) =>
        edge.Route!.Hedge is { } hedge && Hedger.CanHedge(client, edge)
            ? hedger.SendAsync(request, client, hedge, cancellation)
            : sender.SendAsync(request, client, cancellation);

    private async Task<HttpResponseMessage> HeldAsync(
        HttpRequestMessage request, HttpContext client, EdgeContext edge, CancellationToken cancellation)
    {
        var answer = await OnceAsync(request, client, edge, cancellation);
        if (AnswerHold.IsFor(request, answer, client))
        {
            var (_, broken) = await hold.HoldAsync(client, answer, cancellation);
            broken?.Throw();
        }

        return answer;
    }

    protected override void Dispose(bool disposing)
    {
        pools.Dispose();
        base.Dispose(disposing);
    }
}
