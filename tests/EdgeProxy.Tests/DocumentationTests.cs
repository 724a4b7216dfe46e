using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.Tests;

/// <summary>Documentation that a machine can hold to the truth.</summary>
public sealed partial class DocumentationTests
{
    public static TheoryData<string> Pages() => [.. Repository.Files().Where(file => file.EndsWith(".md", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(Pages))]
    public void A_link_leads_to_a_file(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        var dead = Links().Matches(Repository.Read(page))
            .Select(link => link.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal))
            .Where(target => !Path.Exists(Path.Combine(folder, target)));
        Assert.Empty(dead);
    }

    [Fact]
    public void The_readme_is_short_and_its_map_names_every_folder_of_the_source()
    {
        var readme = Repository.Read("README.md");
        var folders = Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src", "EdgeProxy")).Select(Path.GetFileName);

        Assert.InRange(readme.Split('\n').Length, 1, 150);
        var missing = folders.Where(folder => !readme.Contains($"| `{folder}` |", StringComparison.Ordinal)).ToList();
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData("docs/task.md")]
    [InlineData("docs/decisions/0011-leases.md")]
    public void A_test_that_a_page_names_exists(string page)
    {
        var tests = string.Concat(Repository.Files()
            .Where(file => file.StartsWith("tests", StringComparison.Ordinal) && file.EndsWith("Tests.cs", StringComparison.Ordinal))
            .Select(Repository.Read));
        var missing = TestNames().Matches(Repository.Read(page))
            .Select(name => name.Groups[1].Value)
            .Where(name => !tests.Contains($" {name}(", StringComparison.Ordinal))
            .ToList();
        Assert.Empty(missing);
    }

    [GeneratedRegex(@"`([A-Z][a-z]*_\w+)`")]
    private static partial Regex TestNames();

    [GeneratedRegex(@"\]\(([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Links();
}
