namespace EdgeProxy.Connections;

/// <summary>
/// Whether a client of HTTP/2 sends far more frames than they carry. Frames that carry nothing (empty DATA and CONTINUATION, PRIORITY,
/// WINDOW_UPDATE, PING) cost the edge as much time as those that do. As nginx does, all bytes that a client sends are held against what
/// is carried either way, but within a window of time: a download of hours with its WINDOW_UPDATEs, and a ping a second, never come near.
/// </summary>
internal sealed class FrameFlood(TimeProvider time)
{
    /// <summary>Bytes that a client may send for one that is carried.</summary>
    public const int Ratio = 8;

    /// <summary>Bytes that it may send in a window for nothing: 116,000 empty frames.</summary>
    public const long Allowed = 1_048_576;

    public static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private const byte Data = 0, Headers = 1, Continuation = 9;

    private long _since = time.GetTimestamp();
    private long _received;
    private long _carried;
    private long _sent;

    /// <summary>The client sends a flood; it stays one.</summary>
    public bool IsOne { get; private set; }

    /// <summary>A frame toward the client. On any thread.</summary>
    public void OnSent(byte type, int payload)
    {
        if (type is Data or Headers)
        {
            Interlocked.Add(ref _sent, payload);
        }
    }

    /// <summary>A frame of the client, in order.</summary>
    public void OnReceived(byte type, int payload)
    {
        _received += FrameHeads.HeadLength + payload;
        if (type is Data or Headers or Continuation)
        {
            _carried += payload;
        }

        if (_received <= Allowed || IsOne)
        {
            return;
        }

        var now = time.GetTimestamp();
        if (time.GetElapsedTime(_since, now) > Window)
        {
            (_since, _received, _carried) = (now, 0, 0);
            Volatile.Write(ref _sent, 0);
        }
        else
        {
            IsOne = _received - Allowed > Ratio * (_carried + Volatile.Read(ref _sent));
        }
    }
}
