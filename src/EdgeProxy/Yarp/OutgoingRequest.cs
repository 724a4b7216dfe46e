using Yarp.ReverseProxy.Configuration;

namespace EdgeProxy.Yarp;

/// <summary>Ties a request toward a destination to the client's request that it is sent for.</summary>
internal static class OutgoingRequest
{
    private static readonly HttpRequestOptionsKey<HttpContext> Key = new("edgeproxy.request");

    /// <summary>A target goes on byte for byte: YARP would decode and encode it anew.</summary>
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>A target at a destination: one slash between its address and the path, and never a target without any path.</summary>
    public static Uri At(string address, ReadOnlySpan<char> path, ReadOnlySpan<char> query)
    {
        var prefix = path.IsEmpty ? address : address.AsSpan().TrimEnd('/');
        var isBare = path.IsEmpty && address.IndexOf('/', address.IndexOf("://", StringComparison.Ordinal) + 3) < 0;
        return new Uri(string.Concat(prefix, isBare ? "/" : path, query), AsWritten);
    }

    public static void SentFor(this HttpRequestMessage request, HttpContext context) => request.Options.Set(Key, context);

    /// <summary>Turns a request made for one destination to another: same path, another base; `Host` if it was the first's.</summary>
    public static void Redirect(this HttpRequestMessage request, DestinationConfig from, DestinationConfig to)
    {
        var target = request.RequestUri!.OriginalString.AsSpan();
        var prefix = from.Address.AsSpan().TrimEnd('/');
        if (target.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        {
            var rest = target[prefix.Length..];
            var query = rest.IndexOf('?') is var at and >= 0 ? at : rest.Length;
            request.RequestUri = At(to.Address, rest[..query], rest[query..]);
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
