using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.Tests;

/// <summary>House rules that a reader would otherwise have to remember.</summary>
public sealed partial class TidyTests
{
    private const int LineLimit = 140;
    private const int FileLimit = 300;

    private static readonly string Root = Repository.Root;

    public static TheoryData<string> Sources() => [.. Directory
        .EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
        .Concat(Directory.EnumerateFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(Root, file))
        .Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Sources))]
    public void A_file_holds_one_concept_and_a_line_fits_the_screen(string file)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, file));
        var limit = file.StartsWith("tests", StringComparison.Ordinal) ? FileLimit + 100 : FileLimit;
        Assert.True(lines.Length <= limit, $"{file} has {lines.Length} lines; {limit} are allowed");
        for (var i = 0; i < lines.Length; i++)
        {
            Assert.True(lines[i].Length <= LineLimit, $"{file}:{i + 1} has {lines[i].Length} characters; {LineLimit} are allowed");
        }
    }

    [Theory, MemberData(nameof(Sources))]
    public void A_name_says_what_a_thing_is(string file)
    {
        var banned = BannedNames().Match(File.ReadAllText(Path.Combine(Root, file)));
        Assert.False(banned.Success, $"{file}: {banned.Value}");
    }

    [GeneratedRegex(@"\b(class|record|struct|interface|enum) \w*(Manager|Helper|Utils?|Utilities|Impl|Processor|Common|Shared)\b")]
    private static partial Regex BannedNames();
}
