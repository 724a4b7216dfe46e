namespace EdgeProxy.Resilience;

/// <summary>
/// Walks over the frames that a destination sends. What is to be looked at is looked at whole: a frame of that kind whose end has not come
/// is held back until it has. All else passes where it lies.
/// </summary>
internal sealed class Http2Inbound(Http2Watch watch)
{
    /// <summary>Bytes of a GOAWAY that are looked at: last stream, error code, and the beginning of the text.</summary>
    private const int GoAwayBytes = Http2Frame.GoAwayLength + 14;

    /// <summary>SETTINGS that are longer are not looked at.</summary>
    private const int SettingsBytes = 1024;

    private byte[]? _held;
    private int _heldCount;
    private int _ready;
    private int _given;
    private int _passing; // rest of a payload that is not looked at
    private bool _inBlock; // HEADERS, whose CONTINUATION must follow at once

    /// <summary>The reader has seen whole frames only, and another may be put in here.</summary>
    public bool IsAtBoundary => _passing == 0 && !_inBlock && _given == 0;

    public bool IsHolding => _heldCount > 0;

    /// <summary>Where the next bytes of a frame that is held back belong.</summary>
    public Memory<byte> Room => _held.AsMemory(_heldCount, Needed(_held.AsSpan(0, _heldCount)) - _heldCount);

    /// <summary>Gives of a frame that was held back and is complete.</summary>
    public int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _ready - _given);
        _held.AsSpan(_given, count).CopyTo(buffer);
        _given += count;
        if (_given == _ready)
        {
            (_heldCount, _ready, _given) = (0, 0, 0);
        }

        return count;
    }

    public bool IsReady => _ready > 0;

    /// <summary>Bytes have been read into <see cref="Room"/>.</summary>
    public void Held(int count)
    {
        _heldCount += count;
        var bytes = _held.AsSpan(0, _heldCount);
        if (_heldCount == Needed(bytes))
        {
            _ready = _heldCount;
            Look(bytes);
        }
    }

    /// <summary>Looks at what has been read; returns how many bytes of it may pass. The rest is held back.</summary>
    public int Pass(Span<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            if (_passing > 0)
            {
                var count = Math.Min(_passing, bytes.Length - at);
                (at, _passing) = (at + count, _passing - count);
                continue;
            }

            var rest = bytes[at..];
            var needed = Needed(rest);
            if (rest.Length < needed)
            {
                _held ??= new byte[Http2Frame.HeadLength + SettingsBytes];
                rest.CopyTo(_held);
                _heldCount = rest.Length;
                break;
            }

            Look(rest[..needed]);
            at += needed;
        }

        return at;
    }

    private void Look(Span<byte> bytes)
    {
        var frame = Http2Frame.Read(bytes);
        _passing = frame.Length - (bytes.Length - Http2Frame.HeadLength);
        if (frame.Type is Http2Frame.Headers or Http2Frame.Continuation)
        {
            _inBlock = !frame.Has(Http2Frame.EndHeaders);
        }

        watch.Received(frame, bytes);
    }

    /// <summary>How many of the frame's bytes are to be looked at together; no more than its head while that is not complete.</summary>
    private static int Needed(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Http2Frame.HeadLength)
        {
            return Http2Frame.HeadLength;
        }

        var frame = Http2Frame.Read(bytes);
        return Http2Frame.HeadLength + frame.Type switch
        {
            Http2Frame.RstStream when frame.Length == Http2Frame.RstStreamLength => frame.Length,
            Http2Frame.Ping when frame.Length == Http2Frame.PingLength => frame.Length,
            Http2Frame.GoAway when frame.Length >= Http2Frame.GoAwayLength => Math.Min(frame.Length, GoAwayBytes),
            Http2Frame.Settings when frame.Length <= SettingsBytes => frame.Length,
            _ => 0,
        };
    }
}

/// <summary>Walks over the frames that the platform's client sends, which are looked at by their heads alone.</summary>
internal sealed class Http2Outbound(Http2Watch watch)
{
    private const int PrefaceLength = 24;

    private readonly byte[] _head = new byte[Http2Frame.HeadLength];
    private int _headCount;
    private int _passing = PrefaceLength;

    /// <summary>A frame may be put in here.</summary>
    public bool IsAtBoundary => _passing == 0 && _headCount == 0;

    public void Pass(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_passing > 0)
            {
                var count = Math.Min(_passing, bytes.Length);
                _passing -= count;
                bytes = bytes[count..];
                continue;
            }

            var missing = Math.Min(Http2Frame.HeadLength - _headCount, bytes.Length);
            bytes[..missing].CopyTo(_head.AsSpan(_headCount));
            _headCount += missing;
            bytes = bytes[missing..];
            if (_headCount == Http2Frame.HeadLength)
            {
                var frame = Http2Frame.Read(_head);
                (_headCount, _passing) = (0, frame.Length);
                watch.Sent(frame);
            }
        }
    }
}
