using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EdgeProxy.Documents;

/// <summary>
/// Writes a <see cref="Shape"/> as JSON Schema (draft 7, which every editor knows). Editors compare names with case, the
/// edge does not; every scalar may also be a text with `${…}` in it.
/// </summary>
internal static class JsonSchema
{
    private const string Variable = @"\$\{";

    public static string Write(ObjectShape root, string title)
    {
        using var buffer = new MemoryStream();
        var options = new JsonWriterOptions
        {
            Indented = true,
            NewLine = "\n",
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartObject();
            writer.WriteString("$schema", "http://json-schema.org/draft-07/schema#");
            writer.WriteString("title", title);
            writer.WriteBoolean("allowTrailingCommas", true);
            WriteShape(writer, root);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void WriteShape(Utf8JsonWriter writer, Shape shape)
    {
        switch (shape)
        {
            case ObjectShape keys:
                WriteKeys(writer, keys);
                break;
            case MapShape map:
                writer.WriteString("type", "object");
                WriteNested(writer, "additionalProperties", map.Item);
                break;
            case ListShape list:
                writer.WriteString("type", "array");
                WriteNested(writer, "items", list.Item);
                WriteCount(writer, "minItems", list.Min, 0);
                WriteCount(writer, "maxItems", list.Max, int.MaxValue);
                break;
            case ShorthandShape shorthand:
                WriteAnyOf(writer, [shorthand.Full.Get(shorthand.Key).Shape, shorthand.Full]);
                break;
            case OneOrMoreShape many:
                WriteAnyOf(writer, [many.Item, many.List]);
                break;
            case ChoiceShape choice:
                WriteAnyOf(writer, choice.Choices);
                break;
            case NumberShape number:
                WriteEither(writer, "^-?[0-9]+$", () =>
                {
                    writer.WriteString("type", "integer");
                    writer.WriteNumber("minimum", number.Min);
                    writer.WriteNumber("maximum", number.Max);
                });
                break;
            case RatioShape ratio:
                WriteEither(writer, "^[0-9]*\\.?[0-9]+$", () =>
                {
                    writer.WriteString("type", "number");
                    writer.WriteNumber("minimum", ratio.Min);
                    writer.WriteNumber("maximum", ratio.Max);
                });
                break;
            case SwitchShape:
                WriteEither(writer, "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$", () => writer.WriteString("type", "boolean"));
                break;
            case DurationShape:
                writer.WriteString("type", "string");
                writer.WriteString("pattern", $"{DurationText.Pattern}|{Variable}");
                break;
            case TextShape text:
                WriteText(writer, text);
                break;
        }
    }

    private static void WriteKeys(Utf8JsonWriter writer, ObjectShape shape)
    {
        writer.WriteString("type", "object");
        writer.WriteBoolean("additionalProperties", false);
        writer.WriteStartObject("properties");
        foreach (var key in shape.Keys)
        {
            writer.WriteStartObject(key.Name);
            var standard = key.Default is { } text ? $" Default: {(text.Length > 0 ? text : "empty")}." : "";
            var range = key.Shape is DurationShape or NumberShape or RatioShape ? $" Expected: {key.Shape.Expected}." : "";
            writer.WriteString("description", key.Doc + range + standard);
            WriteShape(writer, key.Shape);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        if (shape.Keys.Any(k => k.Required))
        {
            writer.WriteStartArray("required");
            foreach (var key in shape.Keys.Where(k => k.Required))
            {
                writer.WriteStringValue(key.Name);
            }

            writer.WriteEndArray();
        }
    }

    private static void WriteText(Utf8JsonWriter writer, TextShape text)
    {
        if (text.Values.Length > 0)
        {
            WriteEither(writer, null, () =>
            {
                writer.WriteStartArray("enum");
                foreach (var value in text.Values)
                {
                    writer.WriteStringValue(value);
                    WriteOtherSpelling(writer, text, value);
                }

                writer.WriteEndArray();
            });
        }
        else if (text.AnyScalar)
        {
            writer.WriteStartArray("type");
            writer.WriteStringValue("string");
            writer.WriteStringValue("number");
            writer.WriteStringValue("boolean");
            writer.WriteEndArray();
        }
        else
        {
            writer.WriteString("type", "string");
            if (text.Pattern is { } pattern)
            {
                writer.WriteString("pattern", $"{pattern}|{Variable}");
            }
        }
    }

    /// <summary>`true` and `2.0` may stand without quotes.</summary>
    private static void WriteOtherSpelling(Utf8JsonWriter writer, TextShape text, string value)
    {
        if (text.AnyScalar && bool.TryParse(value, out var flag))
        {
            writer.WriteBooleanValue(flag);
        }
        else if (text.AnyScalar && decimal.TryParse(value, CultureInfo.InvariantCulture, out var number))
        {
            writer.WriteNumberValue(number);
        }
    }

    /// <summary>What <paramref name="write"/> says, or a text that fits <paramref name="pattern"/> or holds a variable.</summary>
    private static void WriteEither(Utf8JsonWriter writer, string? pattern, Action write)
    {
        writer.WriteStartArray("anyOf");
        writer.WriteStartObject();
        write();
        writer.WriteEndObject();
        writer.WriteStartObject();
        writer.WriteString("type", "string");
        writer.WriteString("pattern", pattern is null ? Variable : $"{pattern}|{Variable}");
        writer.WriteEndObject();
        writer.WriteEndArray();
    }

    private static void WriteAnyOf(Utf8JsonWriter writer, IEnumerable<Shape> shapes)
    {
        writer.WriteStartArray("anyOf");
        foreach (var shape in shapes)
        {
            writer.WriteStartObject();
            WriteShape(writer, shape);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteNested(Utf8JsonWriter writer, string name, Shape shape)
    {
        writer.WriteStartObject(name);
        WriteShape(writer, shape);
        writer.WriteEndObject();
    }

    private static void WriteCount(Utf8JsonWriter writer, string name, int count, int absent)
    {
        if (count != absent)
        {
            writer.WriteNumber(name, count);
        }
    }
}
