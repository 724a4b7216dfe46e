namespace EdgeProxy.Errors;

/// <summary>A destination closed or broke the connection after a request was begun and before a byte of its answer came.</summary>
/// <param name="reused">The connection had carried an answer before.</param>
internal sealed class UpstreamClosedException(bool reused, Exception? cause = null)
    : IOException("The upstream closed the connection before it answered.", cause)
{
    public bool Reused { get; } = reused;

    /// <summary>The one that lies at the root of a failure; null when it has another root.</summary>
    public static UpstreamClosedException? In(Exception? exception)
    {
        while (exception is not null and not UpstreamClosedException)
        {
            exception = exception.InnerException;
        }

        return (UpstreamClosedException?)exception;
    }
}
