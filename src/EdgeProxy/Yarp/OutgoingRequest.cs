namespace EdgeProxy.Yarp;

/// <summary>Ties a request toward a destination to the client's request that it is sent for.</summary>
internal static class OutgoingRequest
{
    private static readonly HttpRequestOptionsKey<HttpContext> Key = new("edgeproxy.request");

    public static void SentFor(this HttpRequestMessage request, HttpContext context) => request.Options.Set(Key, context);

    /// <summary>The client's request; null for requests of the edge's own, such as probes.</summary>
    public static HttpContext? Client(this HttpRequestMessage request) =>
        request.Options.TryGetValue(Key, out var context) ? context : null;
}
