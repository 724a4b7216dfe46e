using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace EdgeProxy.Configuration;

/// <summary>
/// Values of an entry that come from variables, as they are written. What is shown of the entry shows these: whoever may ask the admin API
/// may not know what the variables hold.
/// </summary>
internal sealed class WrittenValues
{
    /// <summary>Where the views have a value under another name than the configuration.</summary>
    private static readonly FrozenDictionary<string, string[]> OtherNames = new Dictionary<string, string[]>
    {
        ["HashBy"] = ["HashHeader"],
        ["RateLimiterPolicy"] = ["RateLimits", "0"],
        ["State"] = ["Mode"],
        ["Body"] = ["BodyBytes"],
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly ImmutableArray<Value> _values;

    private WrittenValues(IEnumerable<Value> values) => _values = [.. values];

    public static WrittenValues None { get; } = new([]);

    /// <summary>Of the entries that have some, by id.</summary>
    public static FrozenDictionary<string, WrittenValues> Of(IEnumerable<Entry> entries) =>
        Of(entries.Select(entry => (entry, ImmutableArray<string>.Empty)));

    /// <summary>Of entries that stand deeper in what is shown, each with the names that lead there. Several may have one id.</summary>
    public static FrozenDictionary<string, WrittenValues> Of(IEnumerable<(Entry Entry, ImmutableArray<string> Steps)> entries)
    {
        var found = new Dictionary<string, List<Value>>(StringComparer.OrdinalIgnoreCase);
        foreach (var (entry, steps) in entries)
        {
            var values = new List<Value>();
            Collect(entry.Member.Value, steps, values);
            if (values.Count > 0 && !found.TryAdd(entry.Id, values))
            {
                found[entry.Id].AddRange(values);
            }
        }

        return found.ToFrozenDictionary(pair => pair.Key, pair => new WrittenValues(pair.Value), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Those of a cluster's timeouts alone: they hold for routes that have none.</summary>
    public WrittenValues OfTimeouts() =>
        new(_values.Where(value => value.Steps[0].Equals("Timeouts", StringComparison.OrdinalIgnoreCase)));

    /// <summary><paramref name="view"/> as it is sent, with these values in it.</summary>
    public JsonNode Show<T>(T view) => Over(JsonSerializer.SerializeToNode(view, JsonSerializerOptions.Web)!);

    /// <inheritdoc cref="Show"/>
    public JsonNode Over(JsonNode view)
    {
        foreach (var value in _values)
        {
            Replace(view, value.Steps, value);
        }

        if (_values.Length > 0)
        {
            ReplaceTexts(view);
        }

        return view;
    }

    private static void Collect(Node node, ImmutableArray<string> steps, List<Value> values)
    {
        switch (node)
        {
            case ObjectNode keys:
                foreach (var member in keys.Members)
                {
                    Collect(member.Value, member.Name.Equals("Match", StringComparison.OrdinalIgnoreCase) && steps.IsEmpty
                        ? steps
                        : steps.Add(member.Name), values);
                }

                break;
            case ListNode list:
                foreach (var (place, item) in list.Items.Index())
                {
                    Collect(item, steps.Add(place.ToString(System.Globalization.CultureInfo.InvariantCulture)), values);
                }

                break;
            case ScalarNode { IsExpanded: true } scalar:
                values.Add(new Value(StepsIn(steps), scalar.Written, scalar.Text));
                if (steps[^1].Equals("ActivityTimeout", StringComparison.OrdinalIgnoreCase))
                {
                    values.Add(new Value(["Timeouts", "Idle"], scalar.Written, scalar.Text)); // the same thing
                }

                break;
        }
    }

    private static ImmutableArray<string> StepsIn(ImmutableArray<string> steps) => steps switch
    {
        [.. var before, var last] when OtherNames.TryGetValue(last, out var other) => [.. before, .. other],
        _ => steps,
    };

    private static void Replace(JsonNode? at, ImmutableArray<string> steps, Value value)
    {
        for (var i = 0; i < steps.Length && at is not null; i++)
        {
            var isLast = i == steps.Length - 1;
            if (at is JsonObject keys)
            {
                var name = keys.Select(pair => pair.Key).FirstOrDefault(key => key.Equals(steps[i], StringComparison.OrdinalIgnoreCase));
                if (name is not null && isLast && keys[name] is JsonValue)
                {
                    keys[name] = value.Written;
                }

                at = name is null ? null : keys[name];
            }
            else if (at is JsonArray list)
            {
                var place = PlaceIn(list, steps[i], isLast ? value.Text : null);
                if (place >= 0 && isLast && list[place] is JsonValue)
                {
                    list[place] = value.Written;
                }

                at = place < 0 ? null : list[place];
            }
        }
    }

    /// <summary>Of an item by its text, which may have been sorted; else by its id; else by its place.</summary>
    private static int PlaceIn(JsonArray list, string step, string? text)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if ((text is not null && list[i]?.ToString() == text)
                || (list[i] is JsonObject item && string.Equals(item["id"]?.ToString(), step, StringComparison.OrdinalIgnoreCase)))
            {
                return i;
            }
        }

        return int.TryParse(step, out var place) && place < list.Count ? place : -1;
    }

    /// <summary>A text that is the value of a variable is shown nowhere, whatever it is called there.</summary>
    private void ReplaceTexts(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject keys:
                foreach (var name in keys.Select(pair => pair.Key).ToList())
                {
                    if (Shown(keys[name]) is { } written)
                    {
                        keys[name] = written;
                    }

                    ReplaceTexts(keys[name]);
                }

                break;
            case JsonArray list:
                for (var i = 0; i < list.Count; i++)
                {
                    if (Shown(list[i]) is { } written)
                    {
                        list[i] = written;
                    }

                    ReplaceTexts(list[i]);
                }

                break;
        }
    }

    private string? Shown(JsonNode? node)
    {
        if (node is not JsonValue scalar || !scalar.TryGetValue<string>(out var text) || text.Length == 0)
        {
            return null;
        }

        foreach (var value in _values)
        {
            if (value.Text == text)
            {
                return value.Written;
            }
        }

        return null;
    }

    private sealed record Value(ImmutableArray<string> Steps, string Written, string Text);
}
