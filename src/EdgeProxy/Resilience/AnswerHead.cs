namespace EdgeProxy.Resilience;

/// <summary>
/// Reads as much of an HTTP/1.1 answer as tells whether it is final, in whatever pieces it comes and behind however many interim
/// ones, and marks the connection as not to be used again.
/// </summary>
internal struct AnswerHead
{
    /// <summary>The answer after which the connection speaks another protocol: the last one in HTTP, and final.</summary>
    public const int SwitchingProtocols = 101;

    /// <summary>What is read is no answer of HTTP/1.1.</summary>
    public const int None = -1;

    private const int StatusAt = 9; // after `HTTP/1.1 `
    private const int StatusEnd = 12;

    private int _at; // in the status line
    private int _status;
    private Part _part;
    private bool _lineHasBytes;

    private enum Part
    {
        Status,
        StatusLine,
        Fields,
    }

    /// <summary>Room that <see cref="MarkClosing"/> needs behind the bytes.</summary>
    public static int MarkLength => Mark.Length;

    /// <summary>Interim answers that have been read whole.</summary>
    public int Interims { get; private set; }

    private static ReadOnlySpan<byte> Mark => "Connection: close\r\n"u8;

    private static ReadOnlySpan<byte> Begin => "HTTP/1."u8;

    /// <summary>Status of the final answer, when its status line ends in these bytes; <see cref="None"/>; 0 when more is needed.</summary>
    /// <param name="fields">Where the final answer's fields begin.</param>
    public int Read(ReadOnlySpan<byte> bytes, out int fields)
    {
        for (var at = 0; at < bytes.Length; at++)
        {
            var one = bytes[at];
            switch (_part)
            {
                case Part.Status when !TakeStatus(one):
                    fields = 0;
                    return None;
                case Part.StatusLine when one == '\n' && _status is >= 200 or SwitchingProtocols:
                    fields = at + 1;
                    return _status;
                case Part.StatusLine when one == '\n':
                    (_part, _lineHasBytes) = (Part.Fields, false);
                    break;
                case Part.Fields when one == '\n' && !_lineHasBytes:
                    (_part, _at, _status) = (Part.Status, 0, 0);
                    Interims++;
                    break;
                case Part.Fields:
                    _lineHasBytes = one != '\n' && (one != '\r' || _lineHasBytes);
                    break;
            }
        }

        fields = 0;
        return 0;
    }

    /// <summary>Adds `Connection: close` to the answer in the first <paramref name="count"/> bytes; returns their new count.</summary>
    public static int MarkClosing(Span<byte> buffer, int count, int fields)
    {
        buffer[fields..count].CopyTo(buffer[(fields + Mark.Length)..]);
        Mark.CopyTo(buffer[fields..]);
        return count + Mark.Length;
    }

    private bool TakeStatus(byte one)
    {
        var at = _at++;
        if (at < StatusAt)
        {
            return at >= Begin.Length || one == Begin[at];
        }

        _status = (_status * 10) + (one - '0');
        if (_at == StatusEnd)
        {
            _part = Part.StatusLine;
        }

        return one is >= (byte)'0' and <= (byte)'9';
    }
}
