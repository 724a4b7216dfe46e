using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.Documents;

/// <summary>
/// What a value may be. One declaration drives the check of a configuration, its JSON Schema, the reading of values with
/// their defaults, and the test that the documentation says the same.
/// </summary>
internal abstract class Shape
{
    /// <summary>What is expected, in words that fit after "expected".</summary>
    public abstract string Expected { get; }
}

/// <summary>Text: anything, one of a closed set (compared without case), or what a pattern admits.</summary>
internal sealed class TextShape : Shape
{
    private Regex? _regex;

    /// <summary>The values that exist; empty: any.</summary>
    public ImmutableArray<string> Values { get; init; } = [];

    /// <summary>Regular expression in the dialect that .NET and JSON Schema share; null: any text.</summary>
    public string? Pattern { get; init; }

    /// <summary>What the pattern means, in words.</summary>
    public string Meaning { get; init; } = "text";

    /// <summary>Code of the fault when the text is none of <see cref="Values"/>.</summary>
    public string Code { get; init; } = FaultCodes.UnknownValue;

    /// <summary>
    /// A secret, or what is likely to be one written in the wrong form: faults do not show the text, and white space at its ends is no
    /// part of it.
    /// </summary>
    public bool IsSensitive { get; init; }

    /// <summary>Numbers and true or false are taken for their text.</summary>
    public bool AnyScalar { get; init; }

    public override string Expected => Values.Length > 0 ? "one of " + string.Join(", ", Values) : Meaning;

    public bool Admits(string text)
    {
        if (Pattern is null)
        {
            return true;
        }

        _regex ??= new Regex(Pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        return !text.EndsWith('\n') && _regex.IsMatch(text);
    }

    /// <summary>The value as declared, whatever the case it was written in; null when there is none.</summary>
    public string? Canonical(string text)
    {
        foreach (var value in Values)
        {
            if (string.Equals(value, text, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return Values.Length > 0 ? null : text;
    }

    public static TextShape OneOf<T>() where T : struct, Enum => new() { Values = [.. Enum.GetNames<T>()] };
}

internal sealed class NumberShape(long min, long max) : Shape
{
    public long Min { get; } = min;

    public long Max { get; } = max;

    public override string Expected => string.Create(CultureInfo.InvariantCulture, $"an integer from {Min} to {Max}");
}

/// <summary>A share: a number with a fraction.</summary>
internal sealed class RatioShape(decimal min, decimal max) : Shape
{
    public decimal Min { get; } = min;

    public decimal Max { get; } = max;

    public override string Expected => string.Create(CultureInfo.InvariantCulture, $"a number from {Min} to {Max}");
}

internal sealed class DurationShape(TimeSpan min, TimeSpan max) : Shape
{
    public TimeSpan Min { get; } = min;

    public TimeSpan Max { get; } = max;

    public override string Expected => $"a duration from {DurationText.Format(Min)} to {DurationText.Format(Max)}";
}

internal sealed class SwitchShape : Shape
{
    public override string Expected => "true or false";
}

internal sealed class ListShape(Shape item, int min = 0, int max = int.MaxValue) : Shape
{
    public Shape Item { get; } = item;

    public int Min { get; } = min;

    public int Max { get; } = max;

    /// <summary>The same text twice is a fault.</summary>
    public bool Distinct { get; init; }

    public override string Expected => (Min, Max) switch
    {
        (0, int.MaxValue) => "a list",
        (_, int.MaxValue) => $"a list of at least {Min}",
        (0, _) => $"a list of at most {Max}",
        _ => $"a list of {Min} to {Max}",
    };
}

/// <summary>A text, or a list of such texts.</summary>
internal sealed class OneOrMoreShape(TextShape item, int max) : Shape
{
    public TextShape Item { get; } = item;

    public ListShape List { get; } = new(item, 1, max) { Distinct = true };

    public override string Expected => $"{Item.Expected}, or a list of 1 to {List.Max}";
}

/// <summary>Entries by id. An id belongs to one file.</summary>
internal sealed class MapShape(Shape item, string noun) : Shape
{
    public const int IdLengthMax = 128;

    public Shape Item { get; } = item;

    public string Noun { get; } = noun;

    public override string Expected => Noun.EndsWith('y') ? $"an object of {Noun[..^1]}ies" : $"an object of {Noun}s";
}

/// <summary>An object whose keys are all known.</summary>
internal sealed class ObjectShape(params ImmutableArray<Key> keys) : Shape
{
    private readonly FrozenDictionary<string, Key> _byName = keys.ToFrozenDictionary(k => k.Name, StringComparer.OrdinalIgnoreCase);

    public ImmutableArray<Key> Keys { get; } = keys;

    public override string Expected => "an object";

    public Key? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The key of this name. Asking for one that is not declared is a bug.</summary>
    public Key Get(string name) => _byName[name];
}

/// <summary>An object, or a text that stands for the object with just <paramref name="key"/> set.</summary>
internal sealed class ShorthandShape(ObjectShape full, string key) : Shape
{
    public ObjectShape Full { get; } = full;

    public string Key { get; } = key;

    public override string Expected => $"text ({Key}) or an object";
}

/// <summary>One of several objects, told apart by the first key of each.</summary>
internal sealed class ChoiceShape(string noun, ImmutableArray<ObjectShape> choices) : Shape
{
    public string Noun { get; } = noun;

    public ImmutableArray<ObjectShape> Choices { get; } = choices;

    public override string Expected => $"a {Noun}, an object";

    public ObjectShape? Of(ObjectNode node)
    {
        foreach (var choice in Choices)
        {
            if (node.Find(choice.Keys[0].Name) is not null)
            {
                return choice;
            }
        }

        return null;
    }
}

/// <summary>A key of an object: its name, what it may hold and what it means.</summary>
/// <param name="Doc">Meaning, unit and what happens at the edges of the range: a sentence or two for people.</param>
internal sealed record Key(string Name, Shape Shape, string Doc)
{
    /// <summary>What stands when the key is absent, written as in a configuration; null: nothing.</summary>
    public string? Default { get; init; }

    public bool Required { get; init; }
}
