using EdgeProxy.Yarp;

namespace EdgeProxy.Resilience;

/// <summary>Sends the requests of one cluster, under YARP's forwarder, where the status is known before a byte is copied.</summary>
internal sealed class UpstreamHandler(UpstreamPools pools, AttemptSender sender, RetryLoop retries) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Client() is not { } client)
        {
            return ProbedAddress.SendAsync(pools.Probes, request, cancellationToken);
        }

        return client.Edge().Route!.Retry is { } retry && RetryLoop.Takes(client)
            ? retries.SendAsync(request, client, retry, cancellationToken)
            : sender.SendAsync(request, client, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        pools.Dispose();
        base.Dispose(disposing);
    }
}
