namespace EdgeProxy.WebSockets;

/// <summary>
/// Follows one direction of a WebSocket (RFC 6455, section 5.2) from frame head to frame head, whatever pieces its bytes
/// arrive in. It reads lengths and nothing else: payloads are skipped, never looked at, never changed.
/// </summary>
internal struct FrameBoundary
{
    private const int ShortestHead = 2;
    private const int CloseOpcode = 0x8;

    private int _headSeen;
    private int _headLength;
    private int _lengthEnd;
    private int _opcode;
    private ulong _payload;

    /// <summary>Whether a frame of our own could be put here without breaking another one.</summary>
    public readonly bool IsHere => _headSeen == 0;

    /// <summary>Whether a whole Close frame has gone by; nothing meaningful comes after it.</summary>
    public bool CloseSeen { get; private set; }

    /// <summary>Goes over all of <paramref name="bytes"/>.</summary>
    public void Advance(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[AdvanceToNext(bytes)..];
        }
    }

    /// <summary>Goes to the end of the frame that is open or begins here, or over all bytes if it ends later. Returns how far.</summary>
    public int AdvanceToNext(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length)
        {
            if (_headSeen < ShortestHead || _headSeen < _headLength)
            {
                TakeHeadByte(bytes[at++]);
            }
            else
            {
                var step = (int)Math.Min(_payload, (ulong)(bytes.Length - at));
                _payload -= (ulong)step;
                at += step;
            }

            if (_headSeen >= ShortestHead && _headSeen == _headLength && _payload == 0)
            {
                CloseSeen |= _opcode == CloseOpcode;
                _headSeen = 0;
                break;
            }
        }

        return at;
    }

    private void TakeHeadByte(byte value)
    {
        switch (_headSeen++)
        {
            case 0:
                _opcode = value & 0x0F;
                break;
            case 1:
                var length = value & 0x7F;
                _lengthEnd = ShortestHead + length switch { 127 => 8, 126 => 2, _ => 0 };
                _headLength = _lengthEnd + ((value & 0x80) != 0 ? 4 : 0);
                _payload = length < 126 ? (ulong)length : 0;
                break;
            case var position when position < _lengthEnd:
                _payload = (_payload << 8) | value;
                break;
        }
    }
}
