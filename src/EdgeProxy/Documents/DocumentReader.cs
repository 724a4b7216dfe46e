using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace EdgeProxy.Documents;

/// <summary>
/// Turns the bytes of one file into a tree that knows where everything stands. Comments and trailing commas are allowed.
/// Whatever the bytes are, the outcome is a tree or a fault, never an exception.
/// </summary>
internal ref struct DocumentReader
{
    /// <summary>Files above this are refused before they are parsed.</summary>
    public const int BytesMax = 64 * 1024 * 1024;

    private const int DepthMax = 64;

    private readonly string _file;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly FaultList _faults;
    private readonly List<(ObjectNode Owner, Member Member, Member Taken)> _repeated = [];
    private readonly Stack<Node> _open = [];
    private Utf8JsonReader _reader;
    private int _offset;
    private int _line = 1;
    private int _column = 1;

    private DocumentReader(string file, ReadOnlySpan<byte> bytes, FaultList faults)
    {
        _file = file;
        _bytes = bytes;
        _faults = faults;
        _reader = new Utf8JsonReader(bytes, new JsonReaderOptions
        {
            AllowTrailingCommas = true,
            CommentHandling = JsonCommentHandling.Skip,
            MaxDepth = DepthMax,
        });
    }

    /// <summary>The document's root object; null when a fault stands in the way.</summary>
    public static ObjectNode? Read(string file, ReadOnlySpan<byte> bytes, FaultList faults)
    {
        if (bytes.Length > BytesMax)
        {
            faults.Error(FaultCodes.FileTooLarge, new Place(file, 1, 1), "$", $"the file has {bytes.Length} bytes; {BytesMax} are allowed");
            return null;
        }

        if (bytes.StartsWith(Encoding.UTF8.Preamble))
        {
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        }

        if (!Utf8.IsValid(bytes))
        {
            ReportEncoding(file, bytes, faults);
            return null;
        }

        if (bytes.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            faults.Error(FaultCodes.EmptyFile, new Place(file, 1, 1), "$", "the file is empty");
            return null;
        }

        return new DocumentReader(file, bytes, faults).ReadRoot();
    }

    private ObjectNode? ReadRoot()
    {
        try
        {
            _reader.Read();
            var root = ReadValue();
            _reader.Read(); // finds what follows the root
            ReportRepeated();
            if (root is ObjectNode document)
            {
                return document;
            }

            _faults.Error(FaultCodes.NotAnObject, root, $"the file holds {root.Kind}; a configuration is an object");
        }
        catch (JsonException exception)
        {
            var place = PlaceOf(exception.LineNumber ?? 0, exception.BytePositionInLine ?? 0);
            _faults.Error(FaultCodes.InvalidJson, place, "$", Reason(exception));
        }
        catch (InvalidOperationException)
        {
            // The only text that is valid UTF-8 and no valid JSON text: half of a surrogate pair, escaped.
            _faults.Error(FaultCodes.InvalidJson, PlaceOfToken(), "$", "the text has an escape that is not a character");
        }

        return null;
    }

    /// <summary>Waits for the end of the document: paths are known only when every object has its parent.</summary>
    private readonly void ReportRepeated()
    {
        foreach (var (owner, member, taken) in _repeated)
        {
            _faults.Error(
                FaultCodes.DuplicateKey, member.Place, owner.PathOf(member.Name),
                $"\"{member.Name}\" is set twice; first at {taken.Place}");
        }
    }

    private Node ReadValue()
    {
        var place = PlaceOfToken();
        switch (_reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(place);
            case JsonTokenType.StartArray:
                return ReadList(place);
            case JsonTokenType.String:
                return new ScalarNode(place, ScalarKind.Text, _reader.GetString()!);
            default:
                var scalar = _reader.TokenType switch
                {
                    JsonTokenType.Number => ScalarKind.Number,
                    JsonTokenType.Null => ScalarKind.Null,
                    _ => ScalarKind.Boolean,
                };
                return new ScalarNode(place, scalar, Encoding.UTF8.GetString(_reader.ValueSpan));
        }
    }

    private ObjectNode ReadObject(Place place)
    {
        var node = new ObjectNode(place);
        _open.Push(node);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            var keyPlace = PlaceOfToken();
            var key = _reader.GetString()!;
            _reader.Read();
            var member = new Member(key, keyPlace, ReadValue());
            if (!node.TryAdd(member, out var taken))
            {
                _repeated.Add((node, member, taken));
            }
        }

        _open.Pop();
        return node;
    }

    private ListNode ReadList(Place place)
    {
        var node = new ListNode(place);
        _open.Push(node);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            node.Add(ReadValue());
        }

        _open.Pop();
        return node;
    }

    /// <summary>Tokens come in order, so counting goes on from the last one: linear even when all stands on one line.</summary>
    private Place PlaceOfToken()
    {
        Advance((int)_reader.TokenStartIndex);
        return new Place(_file, _line, _column);
    }

    private void Advance(int offset)
    {
        for (; _offset < offset; _offset++)
        {
            var value = _bytes[_offset];
            if (value == '\n')
            {
                _line++;
                _column = 1;
            }
            else if ((value & 0xC0) != 0x80)
            {
                _column++;
            }
        }
    }

    private readonly Place PlaceOf(long line, long byteInLine)
    {
        var rest = _bytes;
        for (var i = 0; i < line && rest.IndexOf((byte)'\n') is var end and >= 0; i++)
        {
            rest = rest[(end + 1)..];
        }

        var column = 1;
        foreach (var value in rest[..(int)Math.Min(byteInLine, rest.Length)])
        {
            column += (value & 0xC0) == 0x80 ? 0 : 1;
        }

        return new Place(_file, (int)line + 1, column);
    }

    private static void ReportEncoding(string file, ReadOnlySpan<byte> bytes, FaultList faults)
    {
        var (line, column) = (1, 1);
        while (Rune.DecodeFromUtf8(bytes, out var rune, out var consumed) == System.Buffers.OperationStatus.Done)
        {
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + 1);
            bytes = bytes[consumed..];
        }

        faults.Error(FaultCodes.InvalidEncoding, new Place(file, line, column), "$", "the file is not UTF-8 text from here on");
    }

    /// <summary>What is wrong, in plain words for what happens most: a file that was cut off.</summary>
    private readonly string Reason(JsonException exception)
    {
        const string TooDeep = "The maximum configured depth";
        if (exception.Message.StartsWith(TooDeep, StringComparison.Ordinal))
        {
            return $"objects and lists stand in each other more than {DepthMax} deep";
        }

        var isEnd = EndsAt(exception) || exception.Message.Contains("end of data", StringComparison.OrdinalIgnoreCase);
        return !isEnd || exception.Message.Contains("after a single JSON value", StringComparison.Ordinal) ? Sentence(exception.Message)
            : !_open.TryPeek(out var open) ? "the file ends before its value does"
            : $"the file ends before {open.Kind} that begins at line {open.Place.Line}, column {open.Place.Column} is closed";
    }

    private readonly bool EndsAt(JsonException exception)
    {
        var rest = _bytes;
        for (var i = 0; i < exception.LineNumber; i++)
        {
            rest = rest[(rest.IndexOf((byte)'\n') + 1)..];
        }

        return rest.TrimEnd(" \t\r\n"u8).Length <= exception.BytePositionInLine;
    }

    private static string Sentence(string message)
    {
        // The parser appends its own idea of the location.
        var end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var sentence = (end < 0 ? message : message[..end]).Trim().TrimEnd('.');
        return sentence.Length > 0 ? char.ToLowerInvariant(sentence[0]) + sentence[1..] : "this is not JSON";
    }
}
