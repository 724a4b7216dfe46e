using System.Buffers.Binary;

namespace EdgeProxy.Connections;

/// <summary>
/// Follows the frames that an HTTP/2 server sends (RFC 9113, section 4.1), whatever pieces their bytes arrive in, and reads the
/// error codes of RST_STREAM and GOAWAY. All else is skipped.
/// </summary>
internal struct ErrorFrames
{
    private const int HeadLength = 9;
    private const byte ResetStream = 3;
    private const byte GoAway = 7;

    private uint _head;
    private int _headSeen;
    private int _payload;
    private int _codeFrom;
    private uint _code;

    /// <summary>Goes to the end of the next error code in <paramref name="bytes"/>, or over all of them.</summary>
    /// <param name="bytes">What follows the bytes of the last call; afterwards what is left of it.</param>
    /// <param name="code">The error code, when true is returned.</param>
    public bool TryRead(ref ReadOnlySpan<byte> bytes, out uint code)
    {
        while (!bytes.IsEmpty)
        {
            if (_headSeen < HeadLength)
            {
                TakeHead(ref bytes);
            }
            else if (_codeFrom < 0 || _payload > _codeFrom)
            {
                Skip(ref bytes, _payload - Math.Max(_codeFrom, 0));
            }
            else
            {
                _code = (_code << 8) | bytes[0];
                bytes = bytes[1..];
                _payload--;
                if (_payload == _codeFrom - sizeof(uint))
                {
                    _codeFrom = -1;
                    code = _code;
                    EndFrame();
                    return true;
                }
            }

            EndFrame();
        }

        code = 0;
        return false;
    }

    private void TakeHead(ref ReadOnlySpan<byte> bytes)
    {
        if (_headSeen == 0 && bytes.Length >= HeadLength)
        {
            _head = BinaryPrimitives.ReadUInt32BigEndian(bytes);
            _headSeen = HeadLength;
            bytes = bytes[HeadLength..];
        }
        else
        {
            _head = _headSeen < sizeof(uint) ? (_head << 8) | bytes[0] : _head;
            _headSeen++;
            bytes = bytes[1..];
        }

        if (_headSeen == HeadLength)
        {
            // The first four bytes: the payload's length in three, and the type. A code ends 0 or 4 bytes behind its beginning.
            _payload = (int)(_head >> 8);
            var before = (byte)_head switch { ResetStream => 0, GoAway => sizeof(uint), _ => -1 };
            _codeFrom = before >= 0 && _payload >= before + sizeof(uint) ? _payload - before : -1;
        }
    }

    private void Skip(ref ReadOnlySpan<byte> bytes, int count)
    {
        var step = Math.Min(count, bytes.Length);
        bytes = bytes[step..];
        _payload -= step;
    }

    private void EndFrame()
    {
        if (_headSeen == HeadLength && _payload == 0)
        {
            this = default;
        }
    }
}
