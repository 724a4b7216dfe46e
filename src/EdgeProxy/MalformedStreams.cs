using System.Collections.Concurrent;

namespace EdgeProxy;

/// <summary>
/// Streams of an HTTP/2 connection whose fields were found malformed before the server read them. A feature of the connection.
/// </summary>
internal sealed class MalformedStreams
{
    /// <summary>More than a client may have open; those beyond are the server's to refuse.</summary>
    private const int Most = 256;

    private readonly ConcurrentDictionary<int, byte> _streams = new();

    private volatile int _count;

    /// <summary>By whoever reads the client's bytes.</summary>
    public void Add(int stream)
    {
        if (_count < Most && _streams.TryAdd(stream, 0))
        {
            Interlocked.Increment(ref _count);
        }
    }

    /// <summary>Whether the stream is one; it is asked for once.</summary>
    public bool Take(int stream)
    {
        if (_count == 0 || !_streams.TryRemove(stream, out _))
        {
            return false;
        }

        Interlocked.Decrement(ref _count);
        return true;
    }
}
