namespace EdgeProxy.Upstreams;

/// <summary>Ties a request to the name whose endpoint it is sent to, so that the connect step knows the others.</summary>
internal static class EndpointRequest
{
    private static readonly HttpRequestOptionsKey<string?> Key = new("edgeproxy.endpoint");

    public static void For(HttpRequestMessage request, string? name) => request.Options.Set(Key, name);

    public static string? NameOf(HttpRequestMessage request) => request.Options.TryGetValue(Key, out var name) ? name : null;
}
