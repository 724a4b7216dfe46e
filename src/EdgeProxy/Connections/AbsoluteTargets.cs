using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;

namespace EdgeProxy.Connections;

/// <summary>
/// The requests of an HTTP/1.1 connection, passed through; `GET HTTP://host/` becomes `GET http://host/` on the way, since schemes are
/// the same in either case (RFC 3986, 3.1) and the server knows the one alone. Looks no further once a request could have a body: what
/// comes then need not be the beginning of a request.
/// </summary>
internal sealed class AbsoluteTargets(PipeReader inner, RequestHeads heads) : PassingReader(inner)
{
    /// <summary>The longest method and scheme that are looked at.</summary>
    private const int Longest = 48;

    public override bool TryRead(out ReadResult result)
    {
        var hasRead = base.TryRead(out result);
        if (hasRead && !heads.AreOver)
        {
            Pass(result);
        }

        return hasRead;
    }

    protected override ValueTask<ReadResult> PassAsync(ReadResult read) => new(heads.AreOver ? read : Pass(read));

    private static ReadResult Pass(in ReadResult read)
    {
        var bytes = read.Buffer.FirstSpan;
        var space = bytes[..Math.Min(bytes.Length, Longest)].IndexOf((byte)' ');
        if (space > 0 && space + 1 < bytes.Length && bytes[space + 1] is (byte)'H' or (byte)'h')
        {
            Lower(MemoryMarshal.AsMemory(read.Buffer.First).Span[(space + 1)..]);
        }

        return read;
    }

    private static void Lower(Span<byte> target)
    {
        var length = target.IndexOf("://"u8);
        if (length is 4 or 5 && Ascii.EqualsIgnoreCase(target[..length], length == 4 ? "http"u8 : "https"u8))
        {
            Ascii.ToLowerInPlace(target[..length], out _);
        }
    }
}
