namespace EdgeProxy.IntegrationTests.Peers;

/// <summary>Clients at several addresses, as the edge sees them: what a proxy that it trusts says of them.</summary>
internal static class ManyClients
{
    /// <summary>Of `Edge`: the test is a trusted proxy.</summary>
    public const string Trusted = "\"TrustedProxies\": [ \"127.0.0.1/32\" ]";

    /// <summary>Five clients in turn.</summary>
    public static HttpClient InTurn(Edge edge) => Of(edge, number => number % 5);

    /// <summary>One client with an address of its own.</summary>
    public static HttpClient At(Edge edge, int address) => Of(edge, _ => address);

    private static HttpClient Of(Edge edge, Func<int, int> address) =>
        new(new From(address) { InnerHandler = new SocketsHttpHandler() }) { BaseAddress = edge.Uri };

    private sealed class From(Func<int, int> address) : DelegatingHandler
    {
        private int _requests;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Add("X-Forwarded-For", $"10.0.0.{address(Interlocked.Increment(ref _requests))}");
            return base.SendAsync(request, cancellationToken);
        }
    }
}
