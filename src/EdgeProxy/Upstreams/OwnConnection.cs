namespace EdgeProxy.Upstreams;

/// <summary>A connection to one destination that serves one client connection, or one exchange, and never a pool.</summary>
/// <param name="Cluster">Id of the cluster.</param>
/// <param name="Destination">Id of the destination.</param>
/// <param name="Owner">The pools that it was opened beside: others have other settings.</param>
internal sealed record OwnConnection(string Cluster, string Destination, object Owner, HttpMessageInvoker Invoker) : IDisposable
{
    public void Dispose() => Invoker.Dispose();
}
