namespace EdgeProxy.Resilience;

/// <summary>A destination closed or broke the connection after a request was begun and before a byte of its answer came.</summary>
/// <param name="reused">The connection had carried an answer before.</param>
internal sealed class UpstreamClosedException(bool reused, Exception? cause = null)
    : IOException("The upstream closed the connection before it answered.", cause)
{
    public bool Reused { get; } = reused;
}
