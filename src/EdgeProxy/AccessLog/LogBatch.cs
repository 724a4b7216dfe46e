using System.Buffers;
using System.Text;

namespace EdgeProxy.AccessLog;

/// <summary>
/// Lines that are written together, and what became of them. A disk that is full takes a part: the lines that are not whole count as lost,
/// what is lost is said in a record of its own once there is room again, and the next line begins on a line of its own.
/// </summary>
internal sealed class LogBatch
{
    private const int BytesMax = 64 << 10;

    private readonly ArrayBufferWriter<byte> _bytes = new(BytesMax);
    private int _firstLine;
    private long _said;

    /// <summary>What was written last is part of a line.</summary>
    private bool _isBroken;

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public bool HasRoom => _bytes.WrittenCount < BytesMax;

    /// <param name="dropped">Lines that were lost since that was last said.</param>
    public void Begin(long dropped, DateTimeOffset now)
    {
        _bytes.ResetWrittenCount();
        if (_isBroken)
        {
            _bytes.Write("\n"u8);
        }

        if (dropped > 0)
        {
            _bytes.Write(Encoding.ASCII.GetBytes($"{{\"time\":\"{now:yyyy-MM-ddTHH:mm:ss.fffZ}\",\"droppedLines\":{dropped}}}\n"));
        }

        (_firstLine, _said) = (_bytes.WrittenCount, dropped);
    }

    public void Add(byte[] line) => _bytes.Write(line);

    /// <summary>That many bytes were written.</summary>
    /// <returns>Lines that were lost by that, and those of which it could not be said.</returns>
    public (int Lost, long Unsaid) Wrote(int written)
    {
        _isBroken = written > 0 ? Bytes[written - 1] != '\n' : _isBroken;
        return (Bytes[Math.Max(written, _firstLine)..].Count((byte)'\n'), written < _firstLine ? _said : 0);
    }
}
