using EdgeProxy.Connections;
using Xunit;

namespace EdgeProxy.Tests.Connections;

/// <summary>Error codes are found wherever the frames are cut, and nothing else is taken for one.</summary>
public sealed class ErrorFramesTests
{
    private static readonly byte[] Sent =
    [
        0, 0, 0, 4, 0, 0, 0, 0, 0, // SETTINGS
        0, 0, 5, 1, 4, 0, 0, 0, 1, 3, 3, 3, 7, 7, // HEADERS
        0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 1, // RST_STREAM, PROTOCOL_ERROR
        0, 0, 0, 0, 1, 0, 0, 0, 3, // DATA, empty
        0, 0, 11, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 9, 1, 2, 3, // GOAWAY, 0x109, three bytes of text
        0, 0, 2, 3, 0, 0, 0, 0, 1, 0, 8, // RST_STREAM too short for a code
        0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8, // RST_STREAM, CANCEL
    ];

    [Fact]
    public void Codes_are_found_wherever_the_bytes_are_cut()
    {
        for (var piece = 1; piece <= Sent.Length; piece++)
        {
            var frames = default(ErrorFrames);
            var codes = new List<uint>();
            for (var at = 0; at < Sent.Length; at += piece)
            {
                ReadOnlySpan<byte> bytes = Sent.AsSpan(at, Math.Min(piece, Sent.Length - at));
                while (frames.TryRead(ref bytes, out var code))
                {
                    codes.Add(code);
                }
            }

            Assert.Equal([1u, 0x109u, 8u], codes);
        }
    }
}
