namespace EdgeProxy.Resilience;

/// <summary>Reads as much of an HTTP/1.1 answer as tells whether it is final, and marks the connection as not to be used again.</summary>
internal static class AnswerHead
{
    /// <summary>Room that <see cref="MarkClosing"/> needs behind the bytes.</summary>
    public static int MarkLength => Mark.Length;

    private static ReadOnlySpan<byte> Mark => "Connection: close\r\n"u8;

    /// <summary>The answer after which the connection speaks another protocol: the last one in HTTP, and final.</summary>
    public const int SwitchingProtocols = 101;

    private const int StatusAt = 9;  // after `HTTP/1.1 `
    private const int StatusEnd = 12;

    /// <summary>Status of the first final answer in the bytes; 0 when there are interim answers only, or too few bytes.</summary>
    /// <param name="fields">Where the final answer's fields begin.</param>
    public static int FinalStatus(ReadOnlySpan<byte> bytes, out int fields)
    {
        fields = 0;
        while (true)
        {
            var rest = bytes[fields..];
            if (rest.Length < StatusEnd || !rest.StartsWith("HTTP/1."u8) || !int.TryParse(rest[StatusAt..StatusEnd], out var status))
            {
                return 0;
            }

            var isFinal = status is >= 200 or SwitchingProtocols;
            var end = rest.IndexOf(!isFinal ? "\r\n\r\n"u8 : "\r\n"u8);
            if (end < 0)
            {
                return 0;
            }

            if (isFinal)
            {
                fields += end + 2;
                return status;
            }

            fields += end + 4;
        }
    }

    /// <summary>Adds `Connection: close` to the answer in the first <paramref name="count"/> bytes; returns their new count.</summary>
    public static int MarkClosing(Span<byte> buffer, int count, int fields)
    {
        buffer[fields..count].CopyTo(buffer[(fields + Mark.Length)..]);
        Mark.CopyTo(buffer[fields..]);
        return count + Mark.Length;
    }
}
