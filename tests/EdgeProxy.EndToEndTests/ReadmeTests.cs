using System.Text.RegularExpressions;
using Xunit;

namespace EdgeProxy.EndToEndTests;

/// <summary>What the README shows works.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public async Task The_configuration_of_the_readme_is_served()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Product.RepositoryRoot, "README.md"));
        const string FreePorts = "http://127.0.0.1:0\" ], \"Admin\": { \"Listen\": \"http://127.0.0.1:0\" }";
        var sample = JsonBlock().Match(readme).Groups[1].Value
            .Replace("http://127.0.0.1:8080\" ]", FreePorts, StringComparison.Ordinal);
        using var folder = new Folder();
        folder.Write("edgeproxy.json", sample);
        await using var edge = Product.Start("run", "--config", folder.Path);

        await edge.LineAsync("Ready:");
    }

    public static TheoryData<string> CompleteSamples() => [.. Pages()
        .SelectMany(page => JsonBlock().Matches(File.ReadAllText(page)))
        .Select(block => block.Groups[1].Value)
        .Where(sample => sample.Contains("\"Clusters\"", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(CompleteSamples))]
    public async Task A_complete_sample_in_the_documentation_has_no_fault(string sample)
    {
        using var folder = new Folder();
        folder.Write("edgeproxy.json", sample);

        Assert.StartsWith("ok: ", await Shell.RunAsync($"'{Product.Binary}' check . 2>&1", folder.Path));
    }

    /// <summary>A verb that the documentation names is one that the product knows: its help can be had.</summary>
    [Fact]
    public async Task A_command_in_the_documentation_exists()
    {
        var verbs = Pages().SelectMany(page => Commands().Matches(File.ReadAllText(page))).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.Superset(new HashSet<string> { "run", "demo", "check", "schema", "hash-key" }, verbs);
        foreach (var verb in verbs)
        {
            Assert.Contains($"edgeproxy {verb}", await Shell.RunAsync($"'{Product.Binary}' {verb} --help"));
        }
    }

    private static IEnumerable<string> Pages() => Directory
        .EnumerateFiles(Path.Combine(Product.RepositoryRoot, "docs"), "*.md", SearchOption.AllDirectories)
        .Append(Path.Combine(Product.RepositoryRoot, "README.md"))
        .Order(StringComparer.Ordinal);

    [GeneratedRegex(@"(?:(?:`|/edgeproxy/)edgeproxy|src/EdgeProxy --) ([a-z][a-z-]+)")]
    private static partial Regex Commands();

    [GeneratedRegex(@"```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
