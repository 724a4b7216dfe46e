using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Yarp;

/// <summary>Ties a request toward a destination to the client's request that it is sent for.</summary>
internal static class OutgoingRequest
{
    private static readonly HttpRequestOptionsKey<HttpContext> Key = new("edgeproxy.request");

    /// <summary>A target goes on byte for byte: YARP would decode and encode it anew.</summary>
    public static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public static void SentFor(this HttpRequestMessage request, HttpContext context) => request.Options.Set(Key, context);

    /// <summary>Turns a request made for one destination to another: same path, another base; `Host` if it was the first's.</summary>
    public static void Redirect(this HttpRequestMessage request, DestinationConfig from, DestinationConfig to)
    {
        var target = request.RequestUri!.OriginalString.AsSpan();
        var prefix = from.Address.AsSpan().TrimEnd('/');
        if (target.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        {
            request.RequestUri = new Uri(string.Concat(to.Address.AsSpan().TrimEnd('/'), target[prefix.Length..]), AsWritten);
        }

        if (request.Headers.Host == from.Host)
        {
            request.Headers.Host = to.Host;
        }
    }

    /// <summary>The client's request; null for requests of the edge's own, such as probes.</summary>
    public static HttpContext? Client(this HttpRequestMessage request) =>
        request.Options.TryGetValue(Key, out var context) ? context : null;
}
