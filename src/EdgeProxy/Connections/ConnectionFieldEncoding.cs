using System.Collections.Frozen;
using System.Text;

namespace EdgeProxy.Connections;

/// <summary>
/// Decodes `Connection` for the server, which puts its own word in the place of the whole field where it knows exactly one option in it:
/// `close, X-Secret` would be `close`, and X-Secret would pass. A line that names a field therefore says `close` and `keep-alive` too:
/// of two known options the server replaces none, and `close` wins. Such a connection ends with its response, which is always allowed.
/// </summary>
internal sealed class ConnectionFieldEncoding : Encoding
{
    public static readonly ConnectionFieldEncoding Instance = new();

    private const string Kept = ", close, keep-alive";

    /// <summary>Options that name no field, and fields that never go on, named or not.</summary>
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Plain = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "close", "keep-alive", "upgrade", "te", "trailer", "transfer-encoding", "content-length", "host", "proxy-connection",
        "http2-settings").GetAlternateLookup<ReadOnlySpan<char>>();

    public override int GetCharCount(byte[] bytes, int index, int count) => Decode(bytes.AsSpan(index, count)).Length;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        var text = Decode(bytes.AsSpan(byteIndex, byteCount));
        text.CopyTo(chars.AsSpan(charIndex));
        return text.Length;
    }

    public override int GetMaxCharCount(int byteCount) => byteCount + Kept.Length;

    public override int GetByteCount(char[] chars, int index, int count) => count;

    public override int GetMaxByteCount(int charCount) => charCount;

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        throw new NotSupportedException();

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = Latin1.GetString(bytes);
        foreach (var option in text.AsSpan().Split(','))
        {
            var name = text.AsSpan()[option].Trim();
            if (Yarp.ConnectionOptions.IsToken(name) && !Plain.Contains(name))
            {
                return text + Kept;
            }
        }

        return text;
    }
}
