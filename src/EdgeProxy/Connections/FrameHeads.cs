using System.Buffers.Binary;

namespace EdgeProxy.Connections;

/// <summary>Follows the frames of one direction of HTTP/2 (RFC 9113, section 4.1), whatever pieces their bytes arrive in.</summary>
/// <param name="before">Bytes before the first frame: the preface of a client.</param>
internal struct FrameHeads(int before)
{
    public const int HeadLength = 9;

    private uint _head;
    private int _headSeen;
    private int _payload = before;

    /// <summary>All frames so far are complete.</summary>
    public readonly bool IsAtBoundary => _headSeen == 0 && _payload == 0;

    /// <summary>Goes to the end of the next frame's head in <paramref name="bytes"/>, or over all of them.</summary>
    /// <param name="bytes">What follows the bytes of the last call; afterwards what is left of it.</param>
    /// <param name="type">The frame's type, when true is returned.</param>
    /// <param name="length">The length of its payload, when true is returned.</param>
    public bool TryRead(ref ReadOnlySpan<byte> bytes, out byte type, out int length)
    {
        SkipPayload(ref bytes);
        if (_payload == 0)
        {
            if (_headSeen == 0 && bytes.Length >= HeadLength)
            {
                _head = BinaryPrimitives.ReadUInt32BigEndian(bytes);
                _headSeen = HeadLength;
                bytes = bytes[HeadLength..];
            }

            while (_headSeen < HeadLength && !bytes.IsEmpty)
            {
                _head = _headSeen < sizeof(uint) ? (_head << 8) | bytes[0] : _head;
                _headSeen++;
                bytes = bytes[1..];
            }
        }

        // The first four bytes: the payload's length in three, and the type.
        (type, length) = ((byte)_head, (int)(_head >> 8));
        if (_headSeen < HeadLength)
        {
            return false;
        }

        (_headSeen, _payload) = (0, length);
        return true;
    }

    /// <summary>Goes to the end of the payload of the frame whose head was read last, or over all bytes.</summary>
    public void SkipPayload(ref ReadOnlySpan<byte> bytes)
    {
        var skipped = Math.Min(_payload, bytes.Length);
        bytes = bytes[skipped..];
        _payload -= skipped;
    }
}
