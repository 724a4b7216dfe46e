namespace EdgeProxy.Resilience;

/// <summary>
/// Error codes of RST_STREAM toward the platform's client. It sends a request that was refused again by itself, with what its content has
/// left to give; under codes of the edge's own it fails, and the edge decides.
/// </summary>
internal static class Http2Codes
{
    public const int Internal = 2;
    public const int RefusedStream = 7;

    /// <summary>The peer thinks that it was sent too much: pings, or requests that were given up.</summary>
    public const int EnhanceYourCalm = 11;

    /// <summary>Own: the connection was closed under a stream that had no response yet, after it had carried others.</summary>
    public const int Stale = 0xE5;

    /// <summary>Own: a GOAWAY says that the stream was not processed.</summary>
    public const int GoneAway = 0xE6;

    /// <summary>Own: REFUSED_STREAM.</summary>
    public const int Refused = 0xE7;

    /// <summary>A peer that sends an own code is not believed.</summary>
    public static bool IsOwn(int code) => code is Stale or GoneAway or Refused;

    /// <summary>The stream was not processed: the request may be sent again, whatever its method.</summary>
    public static bool IsNotProcessed(Exception exception) => In(exception) is GoneAway or Refused;

    /// <summary>The connection ended its service in good order, or was closed while nobody used it.</summary>
    public static bool IsEndOfConnection(Exception? exception) => In(exception) is GoneAway or Stale;

    public static bool IsCalm(Exception? exception) => In(exception) == EnhanceYourCalm;

    private static long In(Exception? exception)
    {
        while (exception is not null and not HttpProtocolException)
        {
            exception = exception.InnerException;
        }

        return (exception as HttpProtocolException)?.ErrorCode ?? 0;
    }
}
