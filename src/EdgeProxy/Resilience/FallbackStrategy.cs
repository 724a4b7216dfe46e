namespace EdgeProxy.Resilience;

/// <summary>What a route with `Fallback` does about the outcome of its cluster's attempts. Most routes have none.</summary>
internal abstract class FallbackStrategy
{
    /// <summary>The destination's answer, or its lack, is not what the client gets.</summary>
    public abstract bool Replaces { get; }

    /// <summary>Has <paramref name="cluster"/> make its attempts, and does about their outcome what the route says.</summary>
    public abstract Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, HttpContext client, UpstreamHandler cluster, CancellationToken cancellation);
}
