using System.Collections.Immutable;
using System.Globalization;

namespace EdgeProxy.Documents;

/// <summary>
/// An object of a checked document, read by its shape: an absent key gives the declared default, and so does a faulty
/// one, whose fault has been reported. Asking for a key that the shape does not declare is a bug and throws.
/// </summary>
internal readonly struct Section(ObjectShape shape, ObjectNode? node)
{
    /// <summary>The object in the document; null when it is absent.</summary>
    public ObjectNode? Node => node;

    public bool Exists => node is not null;

    public ImmutableArray<Key> Keys => shape.Keys;

    public bool Knows(string key) => shape.Find(key) is not null;

    /// <summary>The value of a key as it stands; null when it is absent, null or faulty.</summary>
    public Node? Find(string key)
    {
        var name = shape.Get(key).Name;
        return node?.Find(name)?.Value is { IsFaulty: false } value and not ScalarNode { IsNull: true } ? value : null;
    }

    /// <summary>The value would come from a variable that is not looked at here: what is read in its place is a default.</summary>
    public bool IsUnknown(string key) => node?.Find(shape.Get(key).Name)?.Value is ScalarNode { IsUnknown: true };

    public bool Has(string key) => Find(key) is not null;

    public string? Text(string key)
    {
        var declared = shape.Get(key);
        return Find(key) is ScalarNode scalar ? TextOf(scalar, (TextShape)declared.Shape) : declared.Default;
    }

    public T Choice<T>(string key) where T : struct, Enum =>
        Enum.TryParse<T>(Text(key), ignoreCase: true, out var value) ? value : default;

    public T? OptionalChoice<T>(string key) where T : struct, Enum => Text(key) is null ? null : Choice<T>(key);

    public long? OptionalNumber(string key)
    {
        var declared = shape.Get(key);
        if (Find(key) is ScalarNode scalar && ScalarText.TryNumber(scalar, out var value))
        {
            return value;
        }

        return declared.Default is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>A number that is required or has a default; 0 stands for a faulty one.</summary>
    public long Number(string key) => OptionalNumber(key) ?? 0;

    public double? OptionalRatio(string key)
    {
        var declared = shape.Get(key);
        if (Find(key) is ScalarNode scalar && ScalarText.TryRatio(scalar, out var value))
        {
            return (double)value;
        }

        return declared.Default is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;
    }

    public TimeSpan? OptionalDuration(string key)
    {
        var declared = shape.Get(key);
        if (Find(key) is ScalarNode scalar && ScalarText.TryDuration(scalar, out var value))
        {
            return value;
        }

        return declared.Default is { } text && DurationText.TryParse(text, out var standard) ? standard : null;
    }

    /// <summary>A duration that is required or has a default; zero stands for a faulty one.</summary>
    public TimeSpan Duration(string key) => OptionalDuration(key) ?? TimeSpan.Zero;

    public bool? OptionalSwitch(string key)
    {
        var declared = shape.Get(key);
        if (Find(key) is ScalarNode scalar && ScalarText.TrySwitch(scalar, out var value))
        {
            return value;
        }

        return declared.Default is { } text ? bool.Parse(text) : null;
    }

    public bool Switch(string key) => OptionalSwitch(key) ?? false;

    public Section Object(string key) => new((ObjectShape)shape.Get(key).Shape, Find(key) as ObjectNode);

    /// <summary>Entries of a map by their ids; faulty ones are left out.</summary>
    public IEnumerable<Entry> Entries(string key)
    {
        var item = ((MapShape)shape.Get(key).Shape).Item as ObjectShape;
        return Find(key) is not ObjectNode map
            ? []
            : map.Members.Where(m => m.Value is ObjectNode).Select(m => new Entry(m, new Section(item!, (ObjectNode)m.Value)));
    }

    /// <summary>Items of a list of objects; a shorthand stands as the object it is short for.</summary>
    public IEnumerable<Section> Items(string key)
    {
        var item = ((ListShape)shape.Get(key).Shape).Item;
        return Find(key) is not ListNode list ? [] : list.Items.Where(i => !i.IsFaulty).Select(i => ItemOf(item, i)).OfType<Section>();
    }

    /// <summary>Scalars of a list; faulty ones are left out.</summary>
    public IEnumerable<ScalarNode> Scalars(string key) =>
        Find(key) is not ListNode list ? [] : list.Items.OfType<ScalarNode>().Where(i => !i.IsFaulty);

    /// <summary>The one scalar of a key, or those of its list; faulty ones are left out.</summary>
    public IEnumerable<ScalarNode> OneOrMore(string key) => Find(key) is ScalarNode one ? [one] : Scalars(key);

    public ImmutableArray<string> Texts(string key)
    {
        var item = (TextShape)((ListShape)shape.Get(key).Shape).Item;
        return [.. Scalars(key).Select(s => TextOf(s, item))];
    }

    /// <summary>A map of texts; null when it is absent.</summary>
    public IReadOnlyDictionary<string, string>? TextMap(string key) => Find(key) is not ObjectNode map
        ? null
        : map.Members.Where(m => m.Value is ScalarNode { IsFaulty: false })
            .ToDictionary(m => m.Name, m => ((ScalarNode)m.Value).Text, StringComparer.OrdinalIgnoreCase);

    private static string TextOf(ScalarNode scalar, TextShape shape) => shape.Canonical(scalar.Text) ?? scalar.Text;

    private static Section? ItemOf(Shape shape, Node node) => (shape, node) switch
    {
        (ObjectShape keys, ObjectNode value) => new Section(keys, value),
        (ShorthandShape shorthand, ObjectNode value) => new Section(shorthand.Full, value),
        (ShorthandShape shorthand, ScalarNode value) => new Section(shorthand.Full, ObjectNode.Around(shorthand.Key, value)),
        (ChoiceShape choice, ObjectNode value) when choice.Of(value) is { } keys => new Section(keys, value),
        _ => null,
    };
}

/// <summary>An entry of a map.</summary>
internal readonly record struct Entry(Member Member, Section Section)
{
    public string Id => Member.Name;
}
