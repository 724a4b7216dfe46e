using System.Runtime.CompilerServices;
using System.Text;
using EdgeProxy.Yarp;

namespace EdgeProxy.Resilience;

/// <summary>
/// Which request an HTTP/1.1 connection is sending. The platform's client tells nobody; but it asks for the encoding of each field,
/// on the thread
/// that writes to the connection next.
/// </summary>
internal static class WaitingRequest
{
    [ThreadStatic]
    private static HttpRequestMessage? _written;

    /// <summary>Bytes above 127 pass as they are, as HTTP/1.1 has always allowed; UTF-8 is bytes too.</summary>
    public static Encoding EncodingOf(HttpRequestMessage request)
    {
        _written = request;
        return Encoding.Latin1;
    }

    /// <summary>The request whose fields this thread has written last.</summary>
    public static HttpRequestMessage? Take()
    {
        var request = _written;
        _written = null;
        return request;
    }

    /// <summary>An interim response has come: the silence that the forwarder bounds begins anew.</summary>
    public static void Heard(HttpRequestMessage? request)
    {
        if (request?.Client() is { } client
            && client.Edge() is { Forwarding: { CanBeCanceled: true, IsCancellationRequested: false } token } edge)
        {
            try
            {
                SourceOf(ref token)?.CancelAfter(edge.Timeouts.Idle);
            }
            catch (ObjectDisposedException)
            {
                // The request has ended in the same moment.
            }
        }
    }

    /// <summary>YARP keeps the time of a silence in its token's source, and starts it anew for bytes of bodies alone.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_source")]
    private static extern ref CancellationTokenSource? SourceOf(ref CancellationToken token);
}
