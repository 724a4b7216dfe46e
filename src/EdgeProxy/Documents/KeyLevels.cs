namespace EdgeProxy.Documents;

/// <summary>Where the keys of a configuration belong: for whoever has written one at the wrong level.</summary>
internal sealed class KeyLevels(Shape root)
{
    /// <summary>A key that stands in more places than this, such as `Name`, was hardly meant for one of them.</summary>
    private const int PlacesMax = 3;

    private readonly IReadOnlyList<Level> _levels = [.. Walk(root, "", "", [])];

    /// <summary>In words, where <paramref name="name"/> belongs within the section that <paramref name="here"/> is of; or null.</summary>
    public string? HintFor(string name, ObjectShape here)
    {
        var own = _levels.Where(level => level.Keys == here).ToList(); // a few stand in two places
        var places = _levels
            .Where(level => level.Keys.Find(name) is not null && own.Any(one => one.Section is "" || one.Section == level.Section))
            .ToList();
        if (places.Where(level => level.Trail.Length == 0 || IsBeside(level)).ToList() is { Count: > 0 } near)
        {
            places = near; // not deep in something else
        }

        var words = places.OrderBy(level => level.Trail.Length).Select(level => level.ToWords(IsBeside(level))).Distinct().ToList();
        return words.Count is > 0 and <= PlacesMax ? "it belongs to " + string.Join(" or ", words) : null;

        bool IsBeside(Level level) => own.Any(one => one.Section == level.Section && one.Noun == level.Noun);
    }

    private static IEnumerable<Level> Walk(Shape shape, string section, string noun, string[] trail) => shape switch
    {
        ObjectShape keys => keys.Keys
            .SelectMany(key => Walk(key.Shape, section.Length > 0 ? section : key.Name, noun, [.. trail, key.Name]))
            .Prepend(new Level(keys, section, noun, trail)),
        MapShape map => Walk(map.Item, section, map.Noun, []),
        ListShape list => Walk(list.Item, section, noun, trail),
        ShorthandShape shorthand => Walk(shorthand.Full, section, noun, trail),
        ChoiceShape choice => choice.Choices.SelectMany(one => Walk(one, section, noun, trail)),
        _ => [],
    };

    /// <param name="Section">Key of the root that it is under; empty for the root itself.</param>
    /// <param name="Noun">What the entry is that it belongs to, such as a route; empty outside of entries.</param>
    /// <param name="Trail">Keys that lead there, from the entry or else from the root.</param>
    private sealed record Level(ObjectShape Keys, string Section, string Noun, string[] Trail)
    {
        /// <param name="isBeside">It is of the same entry, which need not be named.</param>
        public string ToWords(bool isBeside) => (Noun, Trail) switch
        {
            ({ Length: > 0 }, []) => $"a {Noun}",
            ({ Length: > 0 }, _) when !isBeside => $"{string.Join('.', Trail)} of a {Noun}",
            _ => string.Join('.', Trail),
        };
    }
}
