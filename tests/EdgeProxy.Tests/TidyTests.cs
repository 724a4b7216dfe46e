using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.Tests;

/// <summary>House rules that a reader would otherwise have to remember.</summary>
public sealed partial class TidyTests
{
    private const int LineLimit = 140;
    private const int FileLimit = 300;

    /// <summary>Files that break a rule, with the reason beside them: debt stays visible.</summary>
    private static readonly string[] Exceptions =
    [
        "tests/EdgeProxy.IntegrationTests/Configuration/ReloadTests.cs", // writes as slowly as a slow writer would
        "tests/EdgeProxy.IntegrationTests/Draining/DrainTests.cs", // waits on purpose: nothing may happen within the grace
        "tests/EdgeProxy.IntegrationTests/Protocols/Http2Tests.cs", // waits on purpose: until the grace is over
    ];

    public static TheoryData<string> Sources() => [.. Repository.Files().Where(file => file.EndsWith(".cs", StringComparison.Ordinal))];

    public static TheoryData<string> Texts() => [.. Repository.Files().Where(file =>
        Path.GetExtension(file) is ".cs" or ".md" or ".json" or ".sh" or ".lua" or ".yml" or ".yaml" or ".conf" or ".csproj"
        && !file.EndsWith("TidyTests.cs", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(Sources))]
    public void A_file_holds_one_concept_and_a_line_fits_the_screen(string file)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, file));
        var limit = file.StartsWith("tests", StringComparison.Ordinal) ? FileLimit + 100 : FileLimit;
        Assert.True(lines.Length <= limit || Exceptions.Contains(file), $"{file} has {lines.Length} lines; {limit} are allowed");
        for (var i = 0; i < lines.Length; i++)
        {
            Assert.True(lines[i].Length <= LineLimit, $"{file}:{i + 1} has {lines[i].Length} characters; {LineLimit} are allowed");
        }
    }

    [Theory, MemberData(nameof(Sources))]
    public void A_name_says_what_a_thing_is(string file)
    {
        var banned = BannedNames().Match(Repository.Read(file));
        Assert.False(banned.Success, $"{file}: {banned.Value}");
    }

    [Theory, MemberData(nameof(Sources))]
    public void Nothing_sleeps_for_luck(string file)
    {
        var sleep = Sleeps().Match(Repository.Read(file));
        Assert.False(sleep.Success && !Exceptions.Contains(file), $"{file}: {sleep.Value}. Wait for a condition, with a deadline");
    }

    /// <summary>The tests' pool has as many threads as there are cores: dozens of edges would stand still meanwhile.</summary>
    [Theory, MemberData(nameof(Sources))]
    public void No_test_waits_for_a_process_on_a_thread(string file) =>
        Assert.False(file.StartsWith("tests", StringComparison.Ordinal) && HoldsAThread().IsMatch(Repository.Read(file)), file);

    [Theory, MemberData(nameof(Texts))]
    public void Nothing_is_left_for_later_and_nothing_names_one_machine(string file)
    {
        var stray = LeftBehind().Match(Repository.Read(file));
        Assert.False(stray.Success, $"{file}: {stray.Value}");
    }

    [GeneratedRegex(@"\b(class|record|struct|interface|enum) \w*(Manager|Helper|Utils?|Utilities|Impl|Processor|Common|Shared)\b")]
    private static partial Regex BannedNames();

    /// <summary>Waiting for ever is a stand-in for a peer that never answers; a moment's wait inside a loop is polling.</summary>
    [GeneratedRegex(@"Thread\.Sleep\(|^ {0,8}await Task\.Delay\((?!Timeout\.)[^\n]*", RegexOptions.Multiline)]
    private static partial Regex Sleeps();

    [GeneratedRegex(@"\.WaitForExit\(")]
    private static partial Regex HoldsAThread();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b|(?<![\w.])/(root|work|home|Users)/\w+|\b[A-Z]:\\\\?\w")]
    private static partial Regex LeftBehind();
}
