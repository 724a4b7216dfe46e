namespace EdgeProxy.Errors;

/// <summary>
/// A connection to a destination carries nothing any more: a ping had no reply. It is one for all streams that were open on it.
/// </summary>
internal sealed class UpstreamSilentException() : IOException("The upstream's connection is dead: a ping had no reply.")
{
    /// <summary>The one that lies at the root of a failure; null when it has another root.</summary>
    public static UpstreamSilentException? In(Exception? exception)
    {
        while (exception is not null and not UpstreamSilentException)
        {
            exception = exception.InnerException;
        }

        return (UpstreamSilentException?)exception;
    }
}
