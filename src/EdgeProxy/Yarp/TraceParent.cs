using System.Buffers;

namespace EdgeProxy.Yarp;

/// <summary>
/// The `traceparent` field (W3C Trace Context): `00-TRACE-SPAN-FLAGS`. The edge stands in a trace as one span of its own; it
/// records none and keeps no <see cref="System.Diagnostics.Activity"/>.
/// </summary>
internal static class TraceParent
{
    private const int Length = 55;
    private const int TraceAt = 3;
    private const int TraceLength = 32;
    private const int SpanAt = 36;
    private const int SpanLength = 16;
    private const int FlagsAt = 53;

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    /// <summary>Field for the destination: the same trace and flags, a span of our own. Without a valid one: a new trace.</summary>
    public static string Next(string? received) => string.Create(Length, IsValid(received) ? received : null, static (field, parent) =>
    {
        Span<byte> random = stackalloc byte[(TraceLength + SpanLength) / 2];
        Random.Shared.NextBytes(random);
        random[0] |= 1; // an id of zeros would be invalid
        random[^1] |= 1;
        if (parent is not null)
        {
            parent.AsSpan(0, Length).CopyTo(field);
            field[1] = '0'; // whatever version came, what leaves is written to the rules of version 00
        }
        else
        {
            "00-".CopyTo(field);
            Convert.TryToHexStringLower(random[..(TraceLength / 2)], field[TraceAt..], out _);
            "-".CopyTo(field[(SpanAt - 1)..]);
            "-00".CopyTo(field[(FlagsAt - 1)..]); // not sampled: the edge exports no span, and one that is sampled would have no parent
        }

        field[0] = '0';
        Convert.TryToHexStringLower(random[(TraceLength / 2)..], field[SpanAt..], out _);
    });

    /// <summary>The trace's id, 32 hexadecimal digits.</summary>
    public static string TraceIdOf(string traceParent) => traceParent.Substring(TraceAt, TraceLength);

    /// <summary>The lowest bit of the flags: whoever began the trace keeps it.</summary>
    public static bool IsSampled(string traceParent) => (Convert.ToInt32(traceParent.Substring(FlagsAt, 2), 16) & 1) == 1;

    public static bool IsValid(string? field) =>
        field is { Length: >= Length }
        && IsHex(field, 0, 2)
        && !field.StartsWith("ff", StringComparison.Ordinal)
        && (field.Length == Length || (!field.StartsWith("00", StringComparison.Ordinal) && field[Length] == '-'))
        && field[TraceAt - 1] == '-' && IsHex(field, TraceAt, TraceLength) && !IsZero(field, TraceAt, TraceLength)
        && field[SpanAt - 1] == '-' && IsHex(field, SpanAt, SpanLength) && !IsZero(field, SpanAt, SpanLength)
        && field[FlagsAt - 1] == '-' && IsHex(field, FlagsAt, 2);

    private static bool IsHex(string field, int start, int length) => field.AsSpan(start, length).IndexOfAnyExcept(Hex) < 0;

    private static bool IsZero(string field, int start, int length) => field.AsSpan(start, length).IndexOfAnyExcept('0') < 0;
}
