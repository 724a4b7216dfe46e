using System.Buffers.Binary;

namespace EdgeProxy.Resilience;

/// <summary>The head of an HTTP/2 frame (RFC 9113, 4.1), and the few frames that the edge writes itself.</summary>
internal readonly record struct Http2Frame(int Length, byte Type, byte Flags, int StreamId)
{
    public const int HeadLength = 9;
    public const byte Data = 0, Headers = 1, RstStream = 3, Settings = 4, Ping = 6, GoAway = 7;
    public const byte WindowUpdate = 8, Continuation = 9, AltSvc = 10;
    public const byte EndStream = 1, Ack = 1, EndHeaders = 4;
    public const int RstStreamLength = 4, PingLength = 8, GoAwayLength = 8, SettingLength = 6;

    public bool Has(byte flag) => (Flags & flag) != 0;

    public static Http2Frame Read(ReadOnlySpan<byte> head) => new(
        (int)(BinaryPrimitives.ReadUInt32BigEndian(head) >> 8), head[3], head[4],
        BinaryPrimitives.ReadInt32BigEndian(head[5..]) & int.MaxValue);

    public static byte[] Reset(int streamId, int code)
    {
        var frame = Of(RstStreamLength, RstStream, streamId);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(HeadLength), code);
        return frame;
    }

    /// <summary>No more streams are wanted; those that are open go on.</summary>
    public static byte[] NoMoreStreams()
    {
        var frame = Of(GoAwayLength, GoAway, 0);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(HeadLength), int.MaxValue);
        return frame;
    }

    public static byte[] PingOf(long payload)
    {
        var frame = Of(PingLength, Ping, 0);
        BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(HeadLength), payload);
        return frame;
    }

    private static byte[] Of(int length, byte type, int streamId)
    {
        var frame = new byte[HeadLength + length];
        BinaryPrimitives.WriteInt32BigEndian(frame, length << 8);
        frame[3] = type;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), streamId);
        return frame;
    }
}
