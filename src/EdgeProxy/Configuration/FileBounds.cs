using System.Collections.Immutable;
using System.IO.Enumeration;

namespace EdgeProxy.Configuration;

/// <summary>
/// `Edge.Files`: what a file of the configuration may hold, so that a team's file cannot say what is not the team's to say. It is read
/// from the documents as written, before variables: what bounds a file is not for another one to change.
/// </summary>
internal sealed class FileBounds
{
    private static readonly TextShape Section = new() { Values = ["Edge", "Clients", "RateLimits", "ReverseProxy"] };

    private static readonly TextShape Pattern = new()
    {
        Pattern = "^[A-Za-z0-9_*?]{1,128}$",
        Meaning = "the name of a variable; `*` and `?` stand for others",
    };

    private readonly ImmutableArray<Bound> _bounds;

    private FileBounds(ImmutableArray<Bound> bounds) => _bounds = bounds;

    public static MapShape Shape { get; } = new(
        new ObjectShape(
            new Key("Sections", new ListShape(Section) { Distinct = true }, "Sections that such a file may hold. Absent: all."),
            new Key("Variables", new ListShape(Pattern, 0, 100),
                "Variables that such a file may use, such as `TEAM_*`. Absent: all; an empty list: none.")),
        "file");

    /// <summary>Of all the documents, by their files; only one of them may hold the key.</summary>
    public static FileBounds Of(IEnumerable<ObjectNode> documents, FaultList faults)
    {
        Member? first = null;
        foreach (var document in documents)
        {
            if ((document.Find("Edge")?.Value as ObjectNode)?.Find("Files") is not { } member)
            {
                continue;
            }

            if (first is not null)
            {
                faults.Error(
                    FaultCodes.DuplicateKey, member.Place, "$.Edge.Files",
                    $"\"Files\" belongs to one file; it is set at {first.Place} already");
            }

            first ??= member;
        }

        return new FileBounds(first?.Value is ObjectNode map ? [.. map.Members.Select(BoundOf)] : []);
    }

    /// <summary>Reports what <paramref name="document"/> holds and its file may not.</summary>
    public void Check(ObjectNode document, FaultList faults)
    {
        if (Find(document.Place.File) is not { Sections: { } sections } bound)
        {
            return;
        }

        foreach (var member in document.Members.Where(m => m.Name != "$schema" && !sections.Contains(m.Name)))
        {
            faults.Error(
                FaultCodes.SectionNotAllowed, member.Place, document.PathOf(member.Name),
                $"Edge.Files lets \"{bound.Files}\" hold {(sections.Count == 0 ? "nothing" : string.Join(", ", sections) + " only")}");
        }
    }

    /// <summary>Whether the file at this path may use the variable.</summary>
    public bool MayUse(string path, string variable) =>
        Find(path) is not { Variables: { } patterns }
        || patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, variable, ignoreCase: false));

    /// <summary>The first that fits holds, so that an exact name before `*` makes an exception.</summary>
    private Bound? Find(string path)
    {
        var name = Path.GetFileName(path);
        return _bounds.FirstOrDefault(bound => FileSystemName.MatchesSimpleExpression(bound.Files, name, ignoreCase: true));
    }

    private static Bound BoundOf(Member member)
    {
        var bound = member.Value as ObjectNode;
        return new Bound(
            member.Name,
            TextsOf(bound, "Sections")?.ToHashSet(StringComparer.OrdinalIgnoreCase),
            TextsOf(bound, "Variables")?.ToArray());
    }

    private static IEnumerable<string>? TextsOf(ObjectNode? bound, string key) =>
        (bound?.Find(key)?.Value as ListNode)?.Items.OfType<ScalarNode>().Select(text => text.Written);

    private sealed record Bound(string Files, HashSet<string>? Sections, string[]? Variables);
}
