using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace EdgeProxy.Documents;

/// <summary>Where something stands in a file. Line and column count from 1, the column in characters.</summary>
internal readonly record struct Place(string File, int Line, int Column)
{
    public override string ToString() => $"{File}:{Line}:{Column}";
}

/// <summary>A value of a JSON document that knows where it stands.</summary>
internal abstract class Node(Place place)
{
    /// <summary>Letters of a key that a path shows: a path stands in each fault below it.</summary>
    private const int StepMax = 130;

    private Node? _parent;
    private string _step = "$";

    public Place Place { get; } = place;

    /// <summary>JSON path, such as `$.ReverseProxy.Routes.orders`.</summary>
    public string Path => _parent is null ? _step : _parent.Path + _step;

    /// <summary>A fault has been reported for this value: who reads on takes the default instead.</summary>
    public bool IsFaulty { get; set; }

    /// <summary>Kind of value in words, for messages.</summary>
    public abstract string Kind { get; }

    public string PathOf(string key) => Path + StepTo(key);

    protected void Adopt(Node child, string step)
    {
        child._parent = this;
        child._step = step;
    }

    protected static string StepTo(string key)
    {
        key = key.Length > StepMax ? string.Concat(key.AsSpan(0, StepMax), "…") : key;
        foreach (var c in key)
        {
            if (!char.IsLetterOrDigit(c) && c is not ('_' or '-' or '$'))
            {
                return $"['{key.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}']";
            }
        }

        return key.Length > 0 ? "." + key : "['']";
    }
}

/// <summary>A key of an object with its value.</summary>
internal sealed record Member(string Name, Place Place, Node Value);

/// <summary>An object. Keys compare without case; the first one of a name stands.</summary>
internal sealed class ObjectNode(Place place) : Node(place)
{
    private readonly List<Member> _members = [];
    private Dictionary<string, Member>? _index;

    public IReadOnlyList<Member> Members => _members;

    public override string Kind => "an object";

    /// <summary>The object that <paramref name="value"/> is short for; the value keeps its own path.</summary>
    public static ObjectNode Around(string key, Node value)
    {
        var node = new ObjectNode(value.Place);
        node._members.Add(new Member(key, value.Place, value));
        return node;
    }

    public Member? Find(string name)
    {
        // Most objects have a handful of keys; a map of ids may have ten thousand.
        if (_members.Count > 8)
        {
            _index ??= _members.ToDictionary(m => m.Name, StringComparer.OrdinalIgnoreCase);
            return _index.GetValueOrDefault(name);
        }

        foreach (var member in _members)
        {
            if (string.Equals(member.Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return member;
            }
        }

        return null;
    }

    /// <summary>Adds a member; false when the name is taken, with who took it.</summary>
    public bool TryAdd(Member member, [NotNullWhen(false)] out Member? taken)
    {
        taken = Find(member.Name);
        if (taken is not null)
        {
            return false;
        }

        _members.Add(member);
        _index?.Add(member.Name, member);
        Adopt(member.Value, StepTo(member.Name));
        return true;
    }
}

internal sealed class ListNode(Place place) : Node(place)
{
    private readonly List<Node> _items = [];

    public IReadOnlyList<Node> Items => _items;

    public override string Kind => "a list";

    public void Add(Node item)
    {
        Adopt(item, $"[{_items.Count}]");
        _items.Add(item);
    }
}

/// <summary>A text, a number, true, false or null.</summary>
internal sealed class ScalarNode(Place place, ScalarKind scalar, string written) : Node(place)
{
    public ScalarKind Scalar { get; } = scalar;

    /// <summary>The value as it stands in the file. This, and never <see cref="Text"/>, may be shown.</summary>
    public string Written { get; } = written;

    /// <summary>The value with `${…}` replaced; it may hold secrets.</summary>
    public string Text { get; private set; } = written;

    /// <summary>Part of <see cref="Text"/> comes from the environment: it counts as a secret.</summary>
    public bool IsExpanded { get; private set; }

    /// <summary>What the environment gave, each reference by itself; parts of secrets, never to be shown.</summary>
    public ImmutableArray<string> Variables { get; private set; } = [];

    /// <summary>One reference to the environment is the whole value.</summary>
    public bool IsOneVariable { get; private set; }

    /// <summary>There was white space and nothing else, and it has been taken away.</summary>
    public bool WasBlank { get; private set; }

    /// <summary>Part of it would come from a variable that is not looked at here: it may be anything.</summary>
    public bool IsUnknown { get; private set; }

    public bool IsNull => Scalar == ScalarKind.Null;

    public override string Kind => Scalar switch
    {
        ScalarKind.Text => "text",
        ScalarKind.Number => "a number",
        ScalarKind.Null => "null",
        _ => "true or false",
    };

    /// <summary>How a message may name this value.</summary>
    public string Shown
    {
        get
        {
            var text = Written.Length > 80 ? string.Concat(Written.AsSpan(0, 80), "…") : Written;
            return Scalar == ScalarKind.Text ? $"\"{text.ReplaceLineEndings(" ")}\"" : text;
        }
    }

    public void Expand(string text, ImmutableArray<string> variables)
    {
        Text = text;
        Variables = variables;
        IsExpanded = variables.Length > 0;
        IsOneVariable = variables is [var only] && only == text;
    }

    /// <summary>White space at an end of a secret is no part of it: files and variables bring some along.</summary>
    public void TrimSecret()
    {
        var trimmed = Text.Trim();
        WasBlank = trimmed.Length == 0 && Text.Length > 0;
        Text = trimmed;
    }

    /// <summary>Who reads on takes the default instead, as for a faulty value.</summary>
    public void MarkUnknown()
    {
        IsUnknown = true;
        IsExpanded = true;
        IsFaulty = true;
    }
}

internal enum ScalarKind
{
    Text,
    Number,
    Boolean,
    Null,
}
